"""Properties are tried on the same examples every time: a red test stays red until it is mended."""

from hypothesis import settings

settings.register_profile("dropforge", deadline=None, max_examples=80, derandomize=True, database=None)
settings.load_profile("dropforge")

"""One fixed script that measures a base model, the incumbent and the candidate on the same held-out rows."""

import cpu_trainer as _one_thread  # noqa: F401 - one BLAS thread is set there, before numpy is imported: the same numbers on every run

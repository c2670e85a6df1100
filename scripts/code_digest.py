"""Print the digest that passports of this checkout's code carry as `code.digest`."""

from pathlib import Path

from dropforge.adapters.code import digest_of

if __name__ == "__main__":
    print(digest_of(Path(__file__).parents[1] / "layers" / "shared" / "dropforge"))

"""Which code of ours runs here: the version that we release, and the SHA-256 over the files themselves, so that nobody has to believe the version.

No commit is claimed: what is deployed knows nothing of the repository it was built from. `scripts/code_digest.py` gives the digest of a checkout.
"""

import hashlib
from functools import cache
from pathlib import Path

import dropforge
from dropforge.domain.passports import Code
from dropforge.domain.values import digest


@cache
def running() -> Code:
    """Return the code that runs."""
    return Code(version=dropforge.VERSION, digest=digest_of(Path(dropforge.__file__).parent))


def digest_of(package: Path) -> str:
    """Return the digest of every Python source below a folder: of their paths, relative to it, and their SHA-256."""
    found = sorted(package.rglob("*.py"))
    return digest(
        [[path.relative_to(package).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()] for path in found]
    )

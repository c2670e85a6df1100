"""Compile every Python file of a build to hash-based bytecode with the runtime's own Python.

A zip dates its entries 1980, so ordinary bytecode is stale on arrival and every cold start compiles again; hash-based bytecode
is not. It must be made by the runtime's minor version; where no such Python is found this stops and says so.
"""

import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "3.13"


def main() -> None:
    """Compile below the folder given as the argument, then check what was written."""
    root = Path(sys.argv[1])
    python = _python()
    if python is None:
        sys.exit(
            f"make build: no working python{VERSION} on PATH; the Lambda runtime is {VERSION} and its bytecode must be made by it"
        )
    subprocess.run([python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(root)], check=True)
    sources = [path for path in root.rglob("*.py") if "__pycache__" not in path.parts]
    bad = [path for path in sources if not _hash_based(path)]
    print(f"{len(sources) - len(bad)} of {len(sources)} files have hash-based bytecode of Python {VERSION}")
    for path in bad:
        print(f"  without: {path}")
    sys.exit(1 if bad or not sources else 0)


def _python() -> str | None:
    found = shutil.which(f"python{VERSION}")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    return found if said.returncode == 0 and VERSION in said.stdout else None


def _hash_based(source: Path) -> bool:
    """Tell by the flags in the file's header (PEP 552): bit 0 set, bit 1 clear is unchecked-hash."""
    cached = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
    return cached.exists() and cached.read_bytes()[4:8] == b"\x01\x00\x00\x00"


if __name__ == "__main__":
    main()

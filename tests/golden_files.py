"""Golden files: what other systems or people read, kept as it should be. `make golden` writes them anew; then read the difference."""

import json
import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def check_golden(name: str, found: object) -> None:
    """Compare a value (as indented JSON), or a text as it is, with its golden file."""
    rendered = (
        found if isinstance(found, str) else json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    )
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8")

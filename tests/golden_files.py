"""Golden files: what other systems or people read, kept as it should be. `make golden` writes them anew; then read the difference."""

import difflib
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
    kept = path.read_text(encoding="utf-8")
    changes = difflib.unified_diff(kept.splitlines(), rendered.splitlines(), "kept", "found", n=1, lineterm="")
    assert rendered == kept, "\n".join([f"{name} is not what was kept:", *changes])

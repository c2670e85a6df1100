"""Keys that are there twice in one object. No decoder tells, and the one that does (a hook of the standard library) is ten times slower.

So keys are counted: a key of a row that decodes ends in a quote that nothing escapes, then perhaps white space, then a colon, and inside a text no
bare quote can be followed by a colon. `count` may count a colon too many (after an escaped quote and white space), never one too few.
Where it exceeds what the decoded rows explain, `twice` reads the line with the hook.
"""

import json
import re

# A literal first character lets the regular expression skip from colon to colon.
_KEYS = re.compile(rb':(?<=[^\\]":|["\s][ \t\r]:)')


def count(lines: bytes) -> int:
    """Return at least the number of keys in lines whose keys are all known names."""
    return len(_KEYS.findall(lines))


def twice(line: bytes) -> str | None:
    """Return a key that an object of this line has twice, or None. Exact, at any depth. The line must be JSON."""
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            found.append(next(name for name in names if names.count(name) > 1))

    json.loads(line, object_pairs_hook=look)
    return found[0] if found else None

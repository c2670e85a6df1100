"""What is said of a checkpoint that is not accepted.

Names in it come from files that anybody may have written, so they are made harmless before they are shown.
"""

LONGEST = 160  # characters of a foreign name or text that are shown


class NotWhole(Exception):
    """A checkpoint is damaged: `path` is the file, relative to what was asked for, `why` a sentence about it."""

    code = "CheckpointDamaged"

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = shown(path), why
        super().__init__(f"{self.path}: {why}")


class Unfinished(NotWhole):
    """A marker says that the writer has not finished."""

    code = "CheckpointUnfinished"


def shown(text: object) -> str:
    """Return a foreign text on one line, without control characters and lone surrogates, and not too long."""
    harmless = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text)[: LONGEST * 2]
    )
    return harmless if len(harmless) <= LONGEST else harmless[: LONGEST - 3] + "..."

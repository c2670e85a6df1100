"""The two kinds of value: ours, where an unknown field is a mistake, and received ones, where it is none of our business.

A class is built when it is first used: a function imports many more than it handles.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=30)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Value(BaseModel):
    """A frozen value of ours. Unknown fields are refused, so that a typo is an error and not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Received(BaseModel):
    """A frozen value that somebody else defines: AWS may add fields whenever it likes."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, defer_build=True)


def explain(error: ValidationError) -> str:
    """Return what a document got wrong, for the person who wrote it: at most five places with their faults."""
    return " ".join(f"`{'.'.join(map(str, e['loc'])) or 'the document'}`: {e['msg']}." for e in error.errors()[:5])


def stamped(at: datetime) -> str:
    """Return a time as the text that rows, places and events carry: UTC, to the millisecond, so that texts sort as times do."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def digest(content: object) -> str:
    """Return the SHA-256 (64 hex) of `content` as canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()

"""What a step says: lines on stdout for the log, and one JSON termination message that Kubernetes keeps.

Kubernetes cuts a termination message at 4096 bytes, which would leave broken JSON; texts are shortened here instead.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

LIMIT = 4096
MIDDLE_MARK = " ... "

Scalar = str | int | float | bool | None
Message = Mapping[str, Scalar]


def say(line: str) -> None:
    """Print one line at once, so that a log reader sees progress and not a full buffer at the end."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def complain(line: str) -> None:
    """Print one line on stderr."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def leave_message(message: Message) -> None:
    """Write the termination message, shortened where it must be."""
    leave_text(fit(message))


def leave_text(text: str) -> None:
    """Write a termination message as it is; a target that cannot be written is reported, never an error of the step."""
    target = Path(os.environ.get("TERMINATION_MESSAGE_PATH", "/dev/termination-log"))
    say(text)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        complain(f"the termination message could not be written to {target}: {error.strerror}")


def fit(message: Message) -> str:
    """Return the message as JSON of at most 4096 bytes, halving its longest text until it fits."""
    shortened = dict(message)
    while len(text := json.dumps(shortened)) > LIMIT:  # ASCII only, so characters are bytes
        longest = max(shortened, key=lambda key: len(json.dumps(shortened[key])))
        shortened[longest] = _halve(str(shortened[longest]))
    return text


def _halve(text: str) -> str:
    quarter = len(text) // 4
    return text[:quarter] + MIDDLE_MARK + text[-quarter:]

"""Rows: one JSON object per line, plain or gzipped, and the conversations in them.

A row that cannot be used stops the step with its line number: skipping it would train on other data than was
registered.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, TypeVar

from .errors import Failure
from .staged import Staged, opened
from .tokens import ROLES, Example, Turn, encode

Learnt = TypeVar("Learnt")
Row = dict[str, object]


class TooLongError(ValueError):
    """What is to be learnt lies beyond the longest sequence."""


def read_examples(path: Path, max_length: int) -> list[Example]:
    """Return the examples of a `.jsonl` or `.jsonl.gz` file. Fails with the line number of the first unusable row."""
    return read_rows([Staged(path, path.name)], lambda row: supervised(row, max_length))


def read_rows(files: Sequence[Staged], learn: Callable[[Row], Learnt]) -> list[Learnt]:
    """Return what `learn` makes of every row, in order; it raises ValueError with the reason why a row is unusable."""
    learnt: list[Learnt] = []
    for file in files:
        with opened(file) as stream:
            learnt += [_learn(line, f"{file.name} line {number}", learn) for number, line in lines(file, stream)]
    if not learnt:
        what = files[0].name if files else "the listing names no file of this role, so it"
        raise Failure("no-rows", f"{what} holds no rows", "register a dataset with at least one row to learn from")
    return learnt


def lines(file: Staged, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that hold something, with their numbers; `.gz` is unpacked."""
    try:
        with gzip.open(stream) if file.path.suffix == ".gz" else nullcontext(stream) as unpacked:
            for number, line in enumerate(unpacked, start=1):
                if line.strip():
                    yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Failure("bad-file", f"{file.name} is not a whole gzip file: {error}", "upload the file again") from error


def _learn(line: bytes, where: str, learn: Callable[[Row], Learnt]) -> Learnt:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError(f"expected an object, found {type(row).__name__}")
        return learn(row)
    except TooLongError as error:
        raise Failure("bad-row", f"{where}: {error}", "shorten the prompt or raise --max-length") from error
    except (ValueError, RecursionError) as error:  # bad UTF-8, bad JSON and lone surrogates are all ValueErrors
        raise Failure("bad-row", f"{where}: {error}", "correct the row and register the dataset again") from error


def supervised(row: Row, max_length: int) -> Example:
    """Return the example of a row of `messages`, or of `prompt` and `completion` with or without `system`."""
    if "messages" in row:
        turns = messages(row, "messages")
    elif "prompt" in row and "completion" in row:
        turns = [*system(row), Turn("user", text(row, "prompt")), Turn("assistant", text(row, "completion"))]
    else:
        raise ValueError("expected 'messages', or 'prompt' and 'completion'")
    if not any(turn.role == "assistant" for turn in turns):
        raise ValueError("no message of the assistant to learn from")
    return whole(encode(turns, max_length), "the assistant's answer", max_length)


def whole(example: Example, what: str, max_length: int) -> Example:
    """Return an example from which something can be learnt. Raises TooLongError otherwise."""
    if not example.has_target:
        raise TooLongError(f"nothing of {what} lies within the first {max_length} tokens")
    return example


def system(row: Row) -> list[Turn]:
    """Return the turn of `system`, which may be left out or empty."""
    return [Turn("system", text(row, "system"))] if row.get("system") else []


def messages(row: Row, key: str) -> list[Turn]:
    """Return a conversation under a key."""
    found = row[key]
    if not isinstance(found, list) or not found:
        raise ValueError(f"'{key}' is not a list of at least one message")
    return [_turn(message, position) for position, message in enumerate(found, start=1)]


def _turn(message: object, position: int) -> Turn:
    if not isinstance(message, dict):
        raise ValueError(f"message {position} is not an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise ValueError(f"message {position} has role {role!r}, expected one of {', '.join(ROLES)}")
    return Turn(role, text(message, "content"))


def text(holder: Row, key: str) -> str:
    """Return a text of at least one character under a key."""
    value = holder.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"'{key}' is not a text of at least one character")
    return value

"""Supervised rows: `{"messages": [...]}` or `{"prompt", "completion"}`, one JSON object per line, plain or gzipped.

A row that cannot be used stops the step with its line number: skipping it would train on other data than was
registered.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import Failure
from .tokens import ROLES, Example, Turn, encode

REPAIR = "correct the row and register the dataset again"


def read_examples(path: Path, max_length: int) -> list[Example]:
    """Return the examples of a `.jsonl` or `.jsonl.gz` file. Fails with the line number of the first unusable row."""
    examples = [_example(line, f"{path.name} line {number}", max_length) for number, line in _lines(path)]
    if not examples:
        raise Failure("no-rows", f"{path.name} holds no rows", "register a dataset with at least one row")
    return examples


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Failure("bad-file", f"{path.name} is not a whole gzip file: {error}", "upload the file again") from error
    except OSError as error:
        raise Failure(
            "no-file", f"{path} cannot be read: {error.strerror}", "give the path of the staged data"
        ) from error


def _example(line: bytes, where: str, max_length: int) -> Example:
    try:
        turns = _turns(json.loads(line))
        example = encode(turns, max_length)
    except (ValueError, RecursionError) as error:  # bad UTF-8, bad JSON and lone surrogates are all ValueErrors
        raise Failure("bad-row", f"{where}: {error}", REPAIR) from error
    if not example.has_target:
        cause = f"{where}: nothing of the assistant's answer lies within the first {max_length} tokens"
        raise Failure("bad-row", cause, "shorten the prompt or raise --max-length")
    return example


def _turns(row: object) -> Sequence[Turn]:
    """Return the conversation of a row. Raises ValueError with the reason when there is none."""
    if not isinstance(row, dict):
        raise ValueError(f"expected an object, found {type(row).__name__}")
    if "messages" in row:
        turns = _messages(row["messages"])
    elif "prompt" in row and "completion" in row:
        turns = [Turn("user", _text(row, "prompt")), Turn("assistant", _text(row, "completion"))]
    else:
        raise ValueError("expected 'messages', or 'prompt' and 'completion'")
    if not any(turn.role == "assistant" for turn in turns):
        raise ValueError("no message of the assistant to learn from")
    return turns


def _messages(messages: object) -> list[Turn]:
    if not isinstance(messages, list) or not messages:
        raise ValueError("'messages' is not a list of at least one message")
    return [_turn(message, position) for position, message in enumerate(messages, start=1)]


def _turn(message: object, position: int) -> Turn:
    if not isinstance(message, dict):
        raise ValueError(f"message {position} is not an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in ROLES:
        raise ValueError(f"message {position} has role {role!r}, expected one of {', '.join(ROLES)}")
    return Turn(role, _text(message, "content"))


def _text(holder: dict[str, object], key: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"'{key}' is not a text of at least one character")
    return value

"""The dataset report against counting newlines, and against two other ways to read the same rows: stdlib json with the same looks, and pydantic.

The rows are chats of about 3.8 kB; the report hashes every row for duplicates and counts roles and lengths, the others only look at the shape.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Literal

from dropforge.domain import rows
from dropforge.domain.duplicates import Duplicates
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from benchmarks.measure import Figure, cpu_seconds
from scripts.check_memory import WORDS, measure

ROLES = ("system", "user", "assistant")
MEGABYTES = 64  # of rows whose check is watched for its memory


def run(size: int, rounds: int) -> list[Figure]:
    """Measure on `size` rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        path.write_bytes(b"".join(map(_row, range(size))))
        ways = (lambda: report(path), lambda: count(path), lambda: by_json(path), lambda: by_pydantic(path))
        taken = [tuple(map(cpu_seconds, ways)) for _ in range(rounds)]
        megabytes = path.stat().st_size / 1e6
    ours, counted, plain, modelled = (median(column) for column in zip(*taken, strict=True))
    return [
        Figure("report", ours / megabytes * 1000, "CPU ms/MB"),
        Figure("counting newlines", counted / megabytes * 1000, "CPU ms/MB"),
        Figure("report / counting newlines", median(t[0] / t[1] for t in taken), "x", 6),
        Figure("stdlib json / report", plain / ours, "x"),
        Figure("pydantic / report", modelled / ours, "x"),
        Figure("peak of the whole process", measure(MEGABYTES, "good")["peak"] / 1024, "MiB", 40),
    ]


def _row(number: int) -> bytes:
    text = (WORDS * 2)[number % 90 : 1400 + number * 37 % 1100]
    turns = (b"user", text), (b"assistant", b"%d %b" % (number, text[::-1]))
    said = b", ".join(b'{"role": "%b", "content": "%b"}' % (role, words) for role, words in turns)
    return b'{"messages": [%b]}\n' % said


def report(path: Path) -> int:
    """Read the file as CheckDataset does."""
    seen = Duplicates.of_bytes(path.stat().st_size)
    return rows.check(_blocks(path), path.name, seen=seen).rows


def count(path: Path) -> int:
    """Count newlines, in blocks of the same size."""
    return sum(block.count(b"\n") for block in _blocks(path))


def by_json(path: Path) -> int:
    """Read rows with the standard library, and look at keys, roles, texts and the last turn."""
    return sum(_looks_right(json.loads(line)) for line in path.open("rb"))


def _looks_right(row: dict[str, list[dict[str, str]]]) -> bool:
    turns = row["messages"]
    whole = all(
        set(turn) == {"role", "content"} and turn["role"] in ROLES and turn["content"].strip() for turn in turns
    )
    return set(row) == {"messages"} and whole and turns[-1]["role"] == "assistant"


class _Turn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class _Chat(BaseModel):
    model_config = ConfigDict(extra="forbid")
    messages: list[_Turn]


_CHAT = TypeAdapter(_Chat)


def by_pydantic(path: Path) -> int:
    """Read rows with pydantic models."""
    return sum(_CHAT.validate_json(line).messages[-1].role == "assistant" for line in path.open("rb"))


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(rows.BLOCK):
            yield block

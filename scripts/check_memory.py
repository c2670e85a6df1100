"""Measure what a dataset check needs at its peak, for streams of several sizes. Exits 1 when memory grows with the size.

The rows are made while they are read, so no disk is needed. Each size has a process of its own, and VmHWM is that process's own highest resident
memory: a parent's does not leak into it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from dropforge.domain import rows
from dropforge.domain.duplicates import Duplicates
from dropforge.domain.reports import Report

MEGABYTE = 1_000_000
GROWTH = 2 * 1024  # KiB that may come on top from the smallest to the largest
WORDS = b"the heron stood in shallow water and watched small fish turn silver between the reeds, " * 20


def stream(size: int, kind: str) -> Iterator[bytes]:
    """Yield about `size` bytes of different rows in blocks of 64 KiB: good chats, or `faulty` ones with a fault on each line."""
    held, number, left = bytearray(), 0, size
    while left > 0:
        held += _row(number, kind)
        number += 1
        if len(held) >= rows.BLOCK:
            yield bytes(held[: rows.BLOCK])
            left -= rows.BLOCK
            del held[: rows.BLOCK]
    yield bytes(held)


def _row(number: int, kind: str) -> bytes:
    text = WORDS[number % 90 : 200 + number * 37 % 1500]
    answer = b"" if kind == "faulty" else b"%d %b" % (number, text)
    user, assistant = b'{"role": "user", "content": "%b"}' % text, b'{"role": "assistant", "content": "%b"}' % answer
    return b'{"messages": [%b, %b]}\n' % (user, assistant)


def check(size: int, kind: str) -> Report:
    """Check such a stream as a whole dataset: duplicates sought, second pass where it is needed."""
    seen = Duplicates()
    report = rows.check(stream(size, kind), "train.jsonl", seen=seen)
    return rows.check_again(stream(size, kind), report, seen) if seen.needs_second_pass else report


def peak() -> int:
    """Return this process's highest resident memory in KiB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    if found is None:
        raise RuntimeError("/proc/self/status has no VmHWM: this measures on Linux only")
    return int(found[1])


def measure(megabytes: int, kind: str) -> dict[str, int]:
    """Return rows, faults and peak KiB of a check in a fresh process."""
    command = [sys.executable, __file__, "--child", str(megabytes), kind]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, int] = json.loads(answer.stdout)
    return measured


def _child(megabytes: int, kind: str) -> None:
    report = check(megabytes * MEGABYTE, kind)
    print(json.dumps({"rows": report.rows, "faults": sum(report.counts.values()), "peak": peak()}))


def main(sizes: list[int]) -> int:
    """Print a table and return 1 when the largest size needs over 2 MiB more than the smallest."""
    worst = 0
    for kind in ("good", "faulty"):
        measured = [measure(size, kind) for size in sizes]
        for size, one in zip(sizes, measured, strict=True):
            print(
                f"{kind:7} {size:6,} MB {one['rows']:10,} rows {one['faults']:10,} faults {one['peak'] / 1024:7.1f} MiB at the peak"
            )
        worst = max(worst, measured[-1]["peak"] - measured[0]["peak"])
    print(f"growth: {worst / 1024:.1f} MiB, {GROWTH / 1024:.0f} allowed")
    return int(worst > GROWTH)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        _child(int(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(main([int(size) for size in sys.argv[1:]] or [64, 1000]))

"""Equal rows of a dataset, in memory that its size does not change: a filter in the first pass, an exact look at the suspects in a second.

The filter is a Bloom filter of one 64-bit word per row, in which a row sets 4 bits (one access to memory instead of 4). It is over Python's own
hash of the decoded row: what is compared is the content, not its spelling, and the hash is keyed anew in each process, so nobody can prepare
collisions. Both passes must therefore run in one process. At `capacity` rows a filter has 13 bits per row and takes up to 1 % of new rows
for suspects, 0.3 % of all on the way there (measured); train and validation have a filter each, made when first used.

| capacity | memory of a filter |
|--:|--:|
| 1,250,000 rows | 2 MiB |
| 5,000,000 rows (default) | 8 MiB |
| 20,000,000 rows | 32 MiB |

Beyond its capacity a filter only has more suspects. At most 100,000 of each sort are looked at (about 50 MB when all are equal rows); a report
from which suspects were left out says so (NotAllCompared). Two different rows of one 64-bit hash would hide each other's duplicates: for 20 million
rows the chance of a single such pair is 1 in 100,000.
"""

import hashlib
from array import array
from typing import NamedTuple

from dropforge.domain.reports import Fault, Role

CAPACITY = 5_000_000
BYTES_PER_ROW = 1000  # of usual rows
MAX_SUSPECTS = 100_000
_BITS_PER_ROW = 12
_PATTERNS = 4096


def _pattern(number: int) -> int:
    """Return a word with about 4 bits set."""
    word = 0
    for place in hashlib.blake2b(number.to_bytes(2, "big"), digest_size=4).digest():
        word |= 1 << (place & 63)
    return word


_WORDS = tuple(_pattern(number) for number in range(_PATTERNS))


class Sighting(NamedTuple):
    """Where a suspect was seen first, and the digest of its content."""

    digest: bytes
    file: str
    line: int


class Duplicates:
    """What the rows of one dataset have in common, over all its files. `capacity` is about how many rows there are."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._size = 1 << (capacity * _BITS_PER_ROW // 64).bit_length()
        self._filters: dict[Role, array[int]] = {}
        self._twins: set[int] = set()
        self._leaks: set[int] = set()
        self._seen: dict[tuple[int, Role], Sighting] = {}
        self.complete = True  # whether every suspect was kept

    @classmethod
    def of_bytes(cls, size: int) -> "Duplicates":
        """Return one that is large enough for the usual rows of so many bytes."""
        return cls(max(CAPACITY, size // BYTES_PER_ROW))

    def add(self, role: Role, hashes: list[int]) -> None:
        """Take the hashes of good rows in the first pass."""
        for other, filled in self._filters.items():
            if other != role:
                self._suspect(self._leaks, _known(filled, hashes))
        if role not in self._filters:
            self._filters[role] = array("Q", [0]) * self._size
        self._suspect(self._twins, _learn(self._filters[role], hashes))

    def _suspect(self, suspects: set[int], found: list[int]) -> None:
        if not found:
            return
        for one in found:
            if len(suspects) < MAX_SUSPECTS:
                suspects.add(one)
            elif one not in suspects:
                self.complete = False

    @property
    def needs_second_pass(self) -> bool:
        """Whether any row may be there twice. Most datasets are done after one pass."""
        return self.suspects > 0

    @property
    def suspects(self) -> int:
        """How many rows are to be compared."""
        return len(self._twins) + len(self._leaks)

    def suspicious(self, hashes: list[int]) -> bool:
        """Whether any of these rows is to be compared."""
        return not (self._twins.isdisjoint(hashes) and self._leaks.isdisjoint(hashes))

    def compare(self, key: int, content: bytes, seen: tuple[Role, str, int]) -> list[Fault]:
        """Compare a suspect with those seen before it in the second pass, by the BLAKE2b of its content. `seen` is role, file and line."""
        role, file, line = seen
        now = Sighting(hashlib.blake2b(content, digest_size=16).digest(), file, line)
        found = []
        for other in ("train", "validation"):
            before = self._seen.get((key, other))
            if before is not None and before.digest == now.digest:
                found.append(_leak(before, other, role) if other != role else _twin(before))
        self._seen.setdefault((key, role), now)
        return found


def _known(words: "array[int]", hashes: list[int]) -> list[int]:
    mask = len(words) - 1
    return [one for one in hashes if words[one & mask] & _WORDS[one >> 40 & 4095] == _WORDS[one >> 40 & 4095]]


def _learn(words: "array[int]", hashes: list[int]) -> list[int]:
    """Set the bits of each hash; return those whose bits were all set before. This is the hot loop of the first pass."""
    found, mask, patterns = [], len(words) - 1, _WORDS
    for one in hashes:
        place, pattern = one & mask, patterns[one >> 40 & 4095]
        word = words[place]
        if word & pattern == pattern:
            found.append(one)
        else:
            words[place] = word | pattern
    return found


def _twin(before: Sighting) -> Fault:
    return Fault.of("DuplicateRow", f"The row is the same as line {before.line} of {before.file}.")


def _leak(before: Sighting, other: Role, role: Role) -> Fault:
    why = f"The row is in {role} and also in {other}: line {before.line} of {before.file}."
    return Fault.of("Leakage", why)

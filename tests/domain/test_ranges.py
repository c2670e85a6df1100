"""Ranges: together they are the whole, each line in exactly one of them, and no share is more than a function can read."""

import hashlib
from collections.abc import Iterator

import pytest
from dropforge.domain.datasets import Files
from dropforge.domain.ranges import MAX_RANGES, MAX_TOGETHER, Stretch, divide, joined_digest
from dropforge.errors import InvalidInput
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builders import file

TEXT = st.lists(st.sampled_from([b"a", b"bb", b"\n", b"\r\n", b"\n\n"]), min_size=1, max_size=30).map(b"".join)


def listed(*sizes: int, size: int = 10, name: str = "train.jsonl") -> Files:
    return Files(range_bytes=size, files=tuple(file(f"{n}-{name}", size=one) for n, one in enumerate(sizes)))


def from_before(text: bytes, begin: int, block: int) -> Iterator[bytes]:
    """The blocks that a reader gets who asks for the bytes from one before `begin`."""
    return (text[at : at + block] for at in range(max(begin - 1, 0), len(text), block))


@given(text=TEXT, size=st.integers(1, 20), block=st.integers(1, 9))
@example(text=b"a\nb", size=2, block=1)
@example(text=b"long line\n\n", size=3, block=4)
def test_every_line_is_in_exactly_one_range_whole_and_in_order(text: bytes, size: int, block: int) -> None:
    stretches = [Stretch(from_before(text, b, block), b, min(b + size, len(text))) for b in range(0, len(text), size)]
    assert b"".join(b"".join(stretch) for stretch in stretches) == text


@given(text=TEXT, size=st.integers(1, 20), block=st.integers(1, 9))
def test_a_range_is_hashed_as_its_own_bytes_whatever_it_reads_beyond(text: bytes, size: int, block: int) -> None:
    for begin in range(0, len(text), size):
        stretch = Stretch(from_before(text, begin, block), begin, min(begin + size, len(text)))
        assert list(stretch) is not None
        assert stretch.sha256 == hashlib.sha256(text[begin : begin + size]).hexdigest()


@given(text=TEXT, size=st.integers(1, 20), block=st.integers(1, 9))
def test_a_range_begins_where_a_line_begins_and_ends_where_one_ends(text: bytes, size: int, block: int) -> None:
    for begin in range(0, len(text), size):
        end = min(begin + size, len(text))
        lines = b"".join(Stretch(from_before(text, begin, block), begin, end))
        start = 0 if begin == 0 else text.find(b"\n", begin - 1) + 1
        assert not lines or (begin <= start < end and text[start:].startswith(lines))
        assert not lines or lines.endswith(b"\n") or start + len(lines) == len(text)


SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=12)


@given(sizes=SIZES)
def test_shares_cover_every_byte_once_and_each_file_in_order(sizes: list[int]) -> None:
    slices = [piece for share in divide(listed(*sizes)) for piece in share]
    covered = [(piece.file, at) for piece in slices for at in range(piece.begin, piece.end)]
    assert sorted(covered, key=lambda piece: piece[0]) == [
        (index, at) for index, size in enumerate(sizes) for at in range(size)
    ]


@given(sizes=SIZES)
def test_no_share_is_more_than_a_function_reads(sizes: list[int]) -> None:
    totals = [sum(piece.end - piece.begin for piece in share) for share in divide(listed(*sizes))]
    assert max(totals) <= 10


def test_a_packed_file_is_never_divided() -> None:
    assert [len(share) for share in divide(listed(25, name="train.jsonl.gz"))] == [1]


def test_so_many_small_files_are_together_that_opening_them_takes_no_longer_than_reading() -> None:
    shares = divide(listed(*[1] * (2 * MAX_TOGETHER + 1), size=10**9))
    assert [len(share) for share in shares] == [MAX_TOGETHER, MAX_TOGETHER, 1]


def test_more_ranges_than_the_machine_can_carry_are_refused() -> None:
    assert len(divide(listed(10 * MAX_RANGES))) == MAX_RANGES
    with pytest.raises(InvalidInput) as raised:
        divide(listed(10 * MAX_RANGES + 1))
    assert raised.value.failure.code == "DatasetTooLarge"


def test_the_digest_of_ranges_is_over_their_raw_digests_in_order() -> None:
    parts = [hashlib.sha256(part) for part in (b"a", b"b")]
    whole = hashlib.sha256(parts[0].digest() + parts[1].digest()).hexdigest()
    assert joined_digest([part.hexdigest() for part in parts]) == whole
    assert joined_digest([part.hexdigest() for part in reversed(parts)]) != whole

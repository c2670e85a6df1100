"""Streams: hashed as they pass, unpacked where they are gzip, refused where they are not what they say."""

import gzip
import hashlib
import zlib
from collections import deque

import pytest
from dropforge.domain import blocks, rows
from dropforge.domain.blocks import CorruptStreamError, Hashed, gunzip
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import row


def test_the_hash_is_that_of_all_blocks_and_their_bytes_are_counted() -> None:
    hashed = Hashed([b"ab", b"", b"c"])
    assert b"".join(hashed) == b"abc"
    assert (hashed.sha256, hashed.bytes) == (hashlib.sha256(b"abc").hexdigest(), 3)


@given(content=st.binary(max_size=3000), cut=st.integers(1, 50), size=st.integers(1, 700))
def test_gzip_comes_out_as_it_went_in_whatever_the_blocks(content: bytes, cut: int, size: int) -> None:
    packed = gzip.compress(content)
    plain = list(gunzip((packed[at : at + cut] for at in range(0, len(packed), cut)), size))
    assert b"".join(plain) == content
    assert all(0 < len(block) <= size for block in plain)


def test_several_gzip_members_are_one_file() -> None:
    assert b"".join(gunzip([gzip.compress(b"one ") + gzip.compress(b"two")])) == b"one two"


def test_a_gzip_stream_cut_short_is_corrupt() -> None:
    with pytest.raises(CorruptStreamError, match="cut off"):
        list(gunzip([gzip.compress(b"rows" * 1000)[:-5]]))


def test_what_is_not_gzip_is_corrupt() -> None:
    with pytest.raises(CorruptStreamError, match="not gzip"):
        list(gunzip([row()]))


def test_a_flipped_byte_fails_the_checksum_of_gzip() -> None:
    packed = bytearray(gzip.compress(b"rows"))
    packed[-8] ^= 1  # the first byte of the CRC-32
    with pytest.raises(CorruptStreamError, match="damaged"):
        list(gunzip([bytes(packed)]))


def test_zeros_after_gzip_are_padding() -> None:
    assert b"".join(gunzip([gzip.compress(b"one") + b"\0" * 9, b"\0", gzip.compress(b"two") + b"\0"])) == b"onetwo"


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_other_bytes_after_gzip_are_a_fault(cut: int) -> None:
    packed = gzip.compress(b"one") + b"rubbish"
    with pytest.raises(CorruptStreamError, match="follow") as raised:
        list(gunzip(packed[at : at + cut] for at in range(0, len(packed), cut)))
    assert raised.value.code == "GzipTrailing"


def test_a_bomb_is_known_by_its_ratio_before_it_reaches_the_limit() -> None:
    packer = zlib.compressobj(wbits=31)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(80)) + packer.flush()
    with pytest.raises(CorruptStreamError, match="200 times"):
        deque(gunzip([packed]), maxlen=0)


def test_a_bomb_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MAX_PLAIN", 1_000_000)
    with pytest.raises(CorruptStreamError, match="1,000,000 bytes"):
        list(gunzip([zlib.compress(b"\0" * 2_000_000, wbits=31)]))


@pytest.mark.parametrize(
    ("code", "packed"), [("GzipCutOff", gzip.compress(row())[:-5]), ("NotGzip", row())], ids=["cut off", "no gzip"]
)
def test_a_broken_stream_is_the_one_fault_of_its_report(code: str, packed: bytes) -> None:
    report = rows.check(gunzip([packed]), "train.jsonl.gz")
    assert report.counts == {code: 1}
    assert report.summary()[0].startswith("train.jsonl.gz: ")


def test_an_empty_gzip_file_has_no_rows() -> None:
    assert rows.check(gunzip([gzip.compress(b"")]), "train.jsonl.gz").counts == {"NoRows": 1}

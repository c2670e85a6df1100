"""Drafts: what the client reads of local files is what the functions would make of their upload, so a plan knows its run."""

import gzip
from pathlib import Path

import pytest
from dropforge.adapters import settings
from dropforge.client import Refused, drafts
from dropforge.domain.datasets import Dataset
from dropforge.domain.drafts import Draft

from tests.functions.conftest import Call
from tests.functions.uploads import KEY, Put, check, drop

ROWS = b"".join(b'{"prompt": "How far is %d?", "completion": "%d miles."}\n' % (n, n) for n in range(400))
LATER = ROWS.replace(b"far", b"old")


def same(draft: Draft, found: Dataset) -> bool:
    return draft == Draft(**found.model_dump(include=set(Draft.model_fields)))


@pytest.mark.parametrize("name", ["train.jsonl", "birds.jsonl"])
def test_a_file_is_drafted_as_it_would_be_checked_whatever_it_is_called(
    call: Call, put: Put, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(ROWS)
    found = Dataset.model_validate(check(call, put(KEY, ROWS)))
    assert same(drafts.draft(tmp_path / name, 1_000_000), found)


def test_a_packed_file_is_drafted_as_it_would_be_checked(call: Call, put: Put, tmp_path: Path) -> None:
    packed = gzip.compress(ROWS)
    (tmp_path / "birds.jsonl.gz").write_bytes(packed)
    found = Dataset.model_validate(check(call, put(f"{KEY}.gz", packed)))
    assert same(drafts.draft(tmp_path / "birds.jsonl.gz", 1_000_000), found)


def test_a_folder_is_drafted_as_it_would_be_checked(call: Call, put: Put, tmp_path: Path) -> None:
    files = {"train/a.jsonl": ROWS, "train/b.jsonl": LATER, "validation.jsonl": LATER.replace(b"miles", b"days")}
    for path, content in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    found = Dataset.model_validate(check(call, drop(put, files)))
    assert same(drafts.draft(tmp_path, 1_000_000), found)


@pytest.mark.parametrize("size", [len(ROWS) - 1, 7_000, 1_000])
def test_a_file_that_is_read_in_ranges_has_the_identity_of_its_ranges(
    call: Call, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setenv("CHECK_RANGE_BYTES", str(size))
    settings.check_range_bytes.cache_clear()
    (tmp_path / "train.jsonl").write_bytes(ROWS)
    found = Dataset.model_validate(check(call, put(KEY, ROWS)))
    draft = drafts.draft(tmp_path / "train.jsonl", size)
    assert (draft.digest, draft.rows, draft.longest_bytes) == (found.digest, found.rows, found.longest_bytes)
    assert draft.digest != drafts.draft(tmp_path / "train.jsonl", 10**9).digest


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"train.jsonl": b"{}\n"}, "DatasetRejected"),
        ({"validation.jsonl": ROWS}, "DatasetRejected"),
        ({"train.jsonl": ROWS, "notes.jsonl": ROWS}, "RoleUnknown"),
        ({"train.jsonl": ROWS, "validation.jsonl": b""}, "DatasetRejected"),
        ({}, "NoTrainFile"),
    ],
)
def test_what_would_be_refused_is_refused_before_anybody_is_asked(
    tmp_path: Path, files: dict[str, bytes], code: str
) -> None:
    for path, content in files.items():
        (tmp_path / path).write_bytes(content)
    with pytest.raises(Refused) as raised:
        drafts.draft(tmp_path, 1_000_000)
    assert raised.value.failure.code == code

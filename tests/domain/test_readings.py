"""Readings: what several functions found is one dataset's, of one kind, and says how far its rows were compared."""

import pytest
from dropforge.domain.readings import one_kind, warned
from dropforge.domain.reports import FoundKind, Report
from dropforge.errors import InvalidInput


def report(file: str = "train.jsonl", kind: FoundKind = "sft") -> Report:
    return Report(file=file, kind=kind, shape="s", rows=1, good_rows=1)


def test_files_of_two_kinds_are_no_dataset() -> None:
    sft, dpo = report(), report("validation.jsonl", "dpo")
    assert one_kind([dpo, dpo]) == "dpo"
    with pytest.raises(InvalidInput, match=r"`validation.jsonl` is dpo \(s\), `train.jsonl` is sft \(s\)"):
        one_kind([sft, dpo])


def test_files_of_two_shapes_are_no_dataset() -> None:
    chat = report("validation.jsonl").model_copy(update={"shape": "messages"})
    with pytest.raises(InvalidInput, match=r"`validation.jsonl` is sft \(messages\), `train.jsonl` is sft \(s\)"):
        one_kind([report(), chat])


def test_an_upload_that_was_read_in_ranges_says_that_rows_were_not_all_compared_and_is_accepted() -> None:
    found = warned(report(), ranges=3)
    assert (found.warning_counts, found.accepted) == ({"NotAllCompared": 1}, True)
    assert "3 ranges" in found.warnings[0].why
    assert warned(report(), ranges=0) == report()

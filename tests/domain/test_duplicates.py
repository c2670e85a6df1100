"""Duplicates and leakage: content and not spelling, across files, in fixed memory, and nothing claimed that was not compared."""

import pytest
from dropforge.domain import duplicates, rows
from dropforge.domain.duplicates import Duplicates
from dropforge.domain.reports import Report, Role
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import chat, preference, row, tool_row

File = tuple[str, Role, list[bytes]]


def check(*files: File, seen: Duplicates | None = None) -> list[Report]:
    """Check the files of a dataset in both passes."""
    seen = seen or Duplicates(capacity=1000)
    content = [b"\n".join(lines) for _, _, lines in files]
    reports = [rows.check([c], name, role, seen) for c, (name, role, _) in zip(content, files, strict=True)]
    if not seen.needs_second_pass:
        return reports
    return [rows.check_again([c], report, seen) for c, report in zip(content, reports, strict=True)]


def found(report: Report) -> list[tuple[str, int, str]]:
    return [(one.code, one.line, one.why.rpartition(" the same as ")[2]) for one in (*report.faults, *report.warnings)]


def test_different_rows_need_no_second_pass() -> None:
    seen = Duplicates()
    rows.check([b"\n".join(row(str(n)) for n in range(500))], "train.jsonl", seen=seen)
    assert not seen.needs_second_pass


@pytest.mark.parametrize("same", [row(), chat(), preference(), tool_row()])
def test_a_row_that_is_there_twice_is_a_warning_naming_both_lines(same: bytes) -> None:
    other = chat(("user", "other"), ("assistant", "row")) if b"messages" in same else same.replace(b"2 +", b"3 +")
    (report,) = check(("a.jsonl", "train", [same, other, same, same]))
    assert found(report) == [("DuplicateRow", line, "line 1 of a.jsonl.") for line in (3, 4)]
    assert report.accepted


@pytest.mark.parametrize(
    "again",
    [b'{"completion":"4","prompt":"2 + 2 ="}', b'{"prompt" : "\\u0032 + 2 =", "completion": "4"}'],
)
def test_what_is_compared_is_the_content_and_not_its_spelling(again: bytes) -> None:
    (report,) = check(("a.jsonl", "train", [row(), again]))
    assert report.warning_counts == {"DuplicateRow": 1}


def test_duplicates_are_found_across_files_of_one_role() -> None:
    first, second = check(("a.jsonl", "train", [row("x"), row()]), ("b.jsonl", "train", [row(), row("y")]))
    assert (first.warnings, found(second)) == ((), [("DuplicateRow", 1, "line 2 of a.jsonl.")])


@pytest.mark.parametrize("order", [("train", "validation"), ("validation", "train")])
def test_a_row_of_both_roles_is_leakage_whichever_file_is_read_first(order: tuple[Role, Role]) -> None:
    first, second = check(("a.jsonl", order[0], [row("x"), row()]), ("b.jsonl", order[1], [row()]))
    assert (first.counts, second.counts) == ({}, {"Leakage": 1})
    assert "line 2 of a.jsonl" in second.faults[0].why


def test_a_faulty_row_is_no_duplicate() -> None:
    (report,) = check(("a.jsonl", "train", [row(), row(completion=""), row(completion="")]))
    assert report.warning_counts == {}


def test_rows_that_only_look_alike_to_the_filter_are_no_duplicates() -> None:
    seen = Duplicates(capacity=1)
    (report,) = check(("a.jsonl", "train", [row(str(n)) for n in range(300)]), seen=seen)
    assert seen.needs_second_pass
    assert report.warning_counts == {}


def test_rows_of_one_hash_and_different_content_are_no_duplicates() -> None:
    seen = Duplicates()
    assert seen.compare(1, b"one", ("train", "a.jsonl", 1)) == []
    assert seen.compare(1, b"two", ("train", "a.jsonl", 2)) == []
    assert [one.code for one in seen.compare(1, b"one", ("validation", "b.jsonl", 1))] == ["Leakage"]


def test_suspects_that_were_left_out_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_SUSPECTS", 5)
    (report,) = check(("a.jsonl", "train", [row(str(n)) for n in range(9)] * 2))
    assert report.warning_counts == {"NotAllCompared": 1, "DuplicateRow": 5}


ROWS = st.lists(st.integers(0, 6), min_size=1, max_size=12)


@given(train=ROWS, held=ROWS, capacity=st.sampled_from([1, 100]))
def test_both_passes_find_what_a_list_of_all_rows_would(train: list[int], held: list[int], capacity: int) -> None:
    files: list[File] = [
        ("a.jsonl", "train", [row(str(n)) for n in train]),
        ("b.jsonl", "validation", [row(str(n)) for n in held]),
    ]
    reports = check(*files, seen=Duplicates(capacity))
    assert [one.warning_counts.get("DuplicateRow", 0) for one in reports] == [
        len(r) - len(set(r)) for r in (train, held)
    ]
    assert reports[1].counts.get("Leakage", 0) == sum(n in train for n in held)


def test_few_rows_are_suspects_at_the_capacity() -> None:
    seen = Duplicates(capacity=20_000)
    rows.check([b"\n".join(row(str(n)) for n in range(20_000))], "train.jsonl", seen=seen)
    assert seen.suspects < 200

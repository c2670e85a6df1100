"""Readings: the slices of a file put together say what one reading of the whole would."""

import pytest
from dropforge.domain.readings import Longest, Reading, join, one_kind
from dropforge.domain.reports import FIRST, Fault, Report
from dropforge.errors import InvalidInput
from hypothesis import given
from hypothesis import strategies as st


def part(
    rows: int, *faults: int, code: str = "BrokenJson", longest: tuple[int, int] = (0, 0), kind: str = "sft"
) -> Reading:
    report = Report(
        file="train.jsonl",
        kind=kind,
        rows=rows,
        good_rows=rows - len(faults),
        counts={code: len(faults)} if faults else {},
        faults=tuple(Fault(code=code, why="w", fix="f", line=line) for line in faults[:FIRST]),
    )
    return Reading(file=0, report=report, sha256="0" * 64, longest_bytes=longest[0], longest_line=longest[1])


def test_lines_are_counted_through_and_rows_and_faults_are_added_up() -> None:
    report = join([part(10, 3), part(5), part(7, 1, 2, code="BlankLine")]).report
    assert [(fault.code, fault.line) for fault in report.faults] == [
        ("BrokenJson", 3),
        ("BlankLine", 16),
        ("BlankLine", 17),
    ]
    assert (report.rows, report.good_rows, report.counts) == (22, 19, {"BrokenJson": 1, "BlankLine": 2})


def test_only_the_first_twenty_of_a_kind_are_kept_and_all_are_counted() -> None:
    report = join([part(30, *range(1, 16)), part(30, *range(1, 16))]).report
    assert [fault.line for fault in report.faults] == [*range(1, 16), *range(31, 36)]
    assert report.counts == {"BrokenJson": 30}


def test_the_longest_row_of_all_slices_has_its_line_in_the_file() -> None:
    joined = join([part(10, longest=(5, 2)), part(10, longest=(9, 3)), part(10, longest=(9, 1))])
    assert (joined.longest_bytes, joined.longest_line) == (9, 13)


def test_what_lies_behind_a_slice_that_was_not_read_to_its_end_is_left_out() -> None:
    report = join([part(4), part(2, 2, code="LineTooLong"), part(9, 1)]).report
    assert (report.rows, [(fault.code, fault.line) for fault in report.faults]) == (6, [("LineTooLong", 6)])


def test_a_slice_in_which_no_line_starts_has_no_say_in_the_kind() -> None:
    assert join([part(0, kind=""), part(1, kind="dpo")]).report.kind == "dpo"


def test_files_of_two_kinds_are_no_dataset() -> None:
    sft, dpo = part(1).report, part(1, kind="dpo").report.model_copy(update={"file": "validation.jsonl"})
    assert one_kind([dpo, dpo]) == "dpo"
    with pytest.raises(InvalidInput, match=r"`validation.jsonl` is dpo, `train.jsonl` is sft"):
        one_kind([sft, dpo])


@given(lines=st.lists(st.integers(0, 12), min_size=1, max_size=12), block=st.integers(1, 9))
def test_the_longest_line_is_found_in_blocks_of_any_size(lines: list[int], block: int) -> None:
    text = b"\n".join(b"x" * length for length in lines)
    longest = Longest(text[at : at + block] for at in range(0, len(text), block))
    assert b"".join(longest) == text
    assert longest.bytes == max(lines)
    assert longest.bytes == 0 or longest.line == lines.index(max(lines)) + 1

"""Merging: the reports on byte ranges of a file are the report on the file."""

from itertools import pairwise

from dropforge.domain import rows
from dropforge.domain.reports import FIRST, Report, merge
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import chat, preference, row

LINES = st.sampled_from(
    [row(), row("longer than the others", "yes"), b"broken", b"", row(completion=""), b"[1]", b'{"a": 1}']
)


def check(lines: list[bytes], start: bool = True) -> Report:
    return rows.check([b"".join(line + b"\n" for line in lines)], "train.jsonl", start=start)


@given(lines=st.lists(LINES, max_size=60), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_merged_reports_are_the_report_on_the_whole(lines: list[bytes], cuts: list[int]) -> None:
    lines = [row(), *lines]
    edges = [0, *sorted(cuts), len(lines) + 60]
    assert merge(check(lines[a:b], a == 0) for a, b in pairwise(edges)) == check(lines)


def test_ranges_of_another_shape_are_a_fault_at_their_first_line() -> None:
    merged = merge([check([row()] * 3), check([chat()] * 2)])
    assert [(one.code, one.line) for one in merged.faults] == [("MixedShapes", 4)]


def test_ranges_of_another_kind_are_a_fault_at_their_first_line() -> None:
    merged = merge([check([b"broken"]), check([row()]), check([preference()])])
    assert [(one.code, one.line) for one in merged.faults] == [("BrokenJson", 1), ("MixedKinds", 3)]
    assert merged.kind == "sft"


def test_only_the_first_twenty_of_a_kind_are_kept_and_all_are_counted() -> None:
    merged = merge([check([b"broken"] * 15), check([b"broken"] * 15)])
    assert [one.line for one in merged.faults] == list(range(1, FIRST + 1))
    assert merged.counts == {"BrokenJson": 30}


def test_ranges_without_rows_are_no_fault_unless_all_are() -> None:
    assert merge([check([]), check([row()]), check([])]).accepted
    assert merge([check([]), check([])]).counts == {"NoRows": 1}

"""Rows: every fault is found on its line, whatever the size of the blocks."""

from itertools import pairwise

import pytest
from dropforge.domain import rows
from dropforge.domain.reports import FIRST, Report
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import chat, row

FAULTS = {
    "BrokenJson": b'{"prompt": "a", ',
    "BlankLine": b"  ",
    "ByteOrderMark": b"\xef\xbb\xbf" + row(),
    "NotUtf8": row().replace(b"2 +", b"\xff +"),
    "UnknownShape": b'{"text": "a"}',
    "MixedShapes": chat(),
    "UnknownField": b'{"prompt": "a", "completion": "b", "roles": "c"}',
    "WrongField": b'{"prompt": "a", "completion": 7}',
    "EmptyText": row(completion=" \n"),
}
CHAT_FAULTS = {
    "WrongRole": chat(("user", "Hi"), ("robot", "Ho")),
    "LastTurnNotAssistant": chat(("assistant", "Ho"), ("user", "Hi")),
    "NoMessages": b'{"messages": []}',
    "EmptyText": chat(("user", ""), ("assistant", "Ho")),
    "UnknownField": b'{"messages": [{"role": "user", "content": "a", "name": "b"}]}',
    "WrongField": b'{"messages": "Hi"}',
}


def check(*blocks: bytes) -> Report:
    return rows.check(blocks, "train.jsonl")


def lines(*content: bytes) -> bytes:
    return b"\n".join((*content, b""))


def test_good_rows_are_accepted_and_counted() -> None:
    report = check(lines(row(), row(), row()))
    assert (report.accepted, report.rows, report.good_rows, report.counts) == (True, 3, 3, {})


@pytest.mark.parametrize(("code", "bad"), FAULTS.items())
def test_a_fault_among_prompt_rows_is_found_on_its_line(code: str, bad: bytes) -> None:
    report = check(lines(row(), bad, row()))
    assert [(fault.code, fault.line) for fault in report.faults] == [(code, 2)]
    assert (report.accepted, report.rows, report.good_rows) == (False, 3, 2)


@pytest.mark.parametrize(("code", "bad"), CHAT_FAULTS.items())
def test_a_fault_among_chat_rows_is_found_on_its_line(code: str, bad: bytes) -> None:
    report = check(lines(chat(), bad))
    assert [(fault.code, fault.line) for fault in report.faults] == [(code, 2)]


@pytest.mark.parametrize("bad", [*FAULTS.values(), *CHAT_FAULTS.values()])
def test_every_fault_says_why_and_what_to_change(bad: bytes) -> None:
    (fault,) = check(lines(row() if bad in FAULTS.values() else chat(), bad)).faults
    assert fault.why
    assert fault.fix.endswith(".")


def test_a_byte_that_is_not_utf8_is_named_with_its_column() -> None:
    (fault,) = check(b'{"prompt": "\xe9t\xe9", "completion": "b"}').faults
    assert (fault.code, fault.column) == ("NotUtf8", 13)
    assert "0xe9" in fault.why


def test_a_system_message_after_the_first_is_a_wrong_role() -> None:
    (fault,) = check(chat(("user", "Hi"), ("system", "Be kind"), ("assistant", "Ho"))).faults
    assert (fault.code, fault.why) == ("WrongRole", "Message 2 is of role `system`.")


def test_a_system_message_may_come_first() -> None:
    assert check(chat(("system", "Be kind"), ("user", "Hi"), ("assistant", "Ho"))).accepted


def test_a_system_text_may_stand_beside_prompt_and_completion() -> None:
    assert check(b'{"prompt": "a", "completion": "b", "system": "c"}').accepted


def test_an_unknown_field_is_not_taken_for_a_wrong_role_because_of_its_name() -> None:
    (fault,) = check(b'{"messages": [{"role": "assistant", "content": "a"}], "role": "b"}').faults
    assert fault.code == "UnknownField"


def test_the_last_row_needs_no_line_end() -> None:
    report = check(lines(row()) + row())
    assert (report.accepted, report.rows) == (True, 2)


def test_windows_line_ends_are_accepted() -> None:
    report = check(row() + b"\r\n" + row() + b"\r\n")
    assert (report.accepted, report.rows) == (True, 2)


def test_a_blank_last_line_is_a_fault() -> None:
    assert [(f.code, f.line) for f in check(row() + b"\n\n").faults] == [("BlankLine", 2)]


def test_an_empty_file_has_no_rows() -> None:
    assert check().counts == {"NoRows": 1}
    assert not check().accepted


def test_the_shape_of_a_dataset_is_that_of_its_first_readable_row() -> None:
    report = check(lines(b"broken", row(), chat()))
    assert [(fault.code, fault.line) for fault in report.faults] == [("BrokenJson", 1), ("MixedShapes", 3)]


def test_two_rows_on_one_line_are_not_two_lines() -> None:
    report = check(lines(row(), row() + b" " + row(), b""))
    assert [(fault.code, fault.line) for fault in report.faults] == [("BrokenJson", 2), ("BlankLine", 3)]


def test_a_row_over_two_lines_is_broken_even_when_rows_and_lines_are_as_many() -> None:
    split = row().replace(b", ", b",\n")
    report = check(lines(row(), split + row()))
    assert [(fault.code, fault.line) for fault in report.faults] == [("BrokenJson", 2), ("BrokenJson", 3)]


def test_a_list_of_rows_is_not_a_row() -> None:
    report = check(lines(row()), lines(b"[" + row() + b"]"))
    assert [(fault.code, fault.line) for fault in report.faults] == [("BrokenJson", 2)]


def test_a_row_nested_too_deeply_is_broken_and_not_a_crash() -> None:
    assert check(b'{"prompt": ' + b"[" * 100_000 + b"\n").counts == {"BrokenJson": 1}


def test_only_the_first_twenty_faults_of_a_kind_are_kept_and_all_are_counted() -> None:
    report = check(lines(*[b"broken"] * 50))
    assert report.counts == {"BrokenJson": 50}
    assert [fault.line for fault in report.faults] == list(range(1, FIRST + 1))


def test_a_line_of_sixteen_mebibytes_is_accepted() -> None:
    text = b"x" * (rows.MAX_LINE - len(row(completion="")))
    report = check(row(completion=text.decode()))
    assert (report.accepted, report.rows) == (True, 1)


@pytest.mark.parametrize("ending", [b"", b"\n" + row()])
@pytest.mark.parametrize("size", [1 << 16, 1 << 25])
def test_a_longer_line_is_refused_whatever_the_blocks_and_what_follows(ending: bytes, size: int) -> None:
    content = lines(row()) + b"x" * (rows.MAX_LINE + 1) + ending
    report = check(*(content[at : at + size] for at in range(0, len(content), size)))
    assert [(fault.code, fault.line) for fault in report.faults] == [("LineTooLong", 2)]


LINE = st.sampled_from([row(), chat(), *FAULTS.values(), *CHAT_FAULTS.values(), row(prompt="\U0001f426"), b"[1]"])
FILE = st.builds(
    lambda content, separator, end: separator.join(content) + end,
    st.lists(LINE, max_size=8),
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n", b"\n\n"]),
)


@given(content=FILE, cuts=st.lists(st.integers(0, 600), max_size=12))
def test_any_cut_into_blocks_gives_the_same_report(content: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), max([len(content), *cuts])]
    blocks = [content[a:b] for a, b in pairwise(edges)]
    assert check(*blocks) == check(content)


def test_a_cut_at_every_offset_gives_the_same_report() -> None:
    content = lines(row(prompt="\u00fc\U0001f426"), b"broken", b"", row()) + row()
    whole = check(content)
    assert all(check(content[:at], content[at:]) == whole for at in range(len(content) + 1))


@given(content=st.binary(max_size=200) | st.builds(bytes.replace, FILE, st.just(b"a"), st.binary(max_size=3)))
def test_no_bytes_whatever_can_make_the_check_fail(content: bytes) -> None:
    report = check(content)
    assert report.good_rows + sum(report.counts.values()) == max(report.rows, 1)


@given(content=FILE)
def test_a_file_is_accepted_exactly_when_each_row_is_accepted_by_itself(content: bytes) -> None:
    parts = content.removesuffix(b"\n").split(b"\n")
    alone = [check(part + b"\n") for part in parts]
    shapes = {b"messages" if b"messages" in part else b"prompt" for part in parts}
    assert check(content).accepted == (content != b"" and all(r.accepted for r in alone) and len(shapes) == 1)

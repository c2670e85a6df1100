"""Rows: every fault is found on its line, whatever the size of the blocks."""

from itertools import chain, repeat

import pytest
from dropforge.domain import rows
from dropforge.domain.reports import FIRST, Report

from tests.builders import chat, preference, preference_chat, row, tool_row

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


def test_a_system_message_after_the_first_is_late() -> None:
    (fault,) = check(chat(("user", "Hi"), ("system", "Be kind"), ("assistant", "Ho"))).faults
    assert (fault.code, fault.why) == ("LateSystem", "Message 2 is of role `system`.")


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
    assert [(fault.code, fault.line) for fault in report.faults] == [("NotAnObject", 2)]


def test_a_row_nested_too_deeply_is_broken_and_not_a_crash() -> None:
    assert check(b'{"prompt": ' + b"[" * 100_000 + b"\n").counts == {"NestedTooDeep": 1}


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
def test_a_longer_line_is_one_fault_and_the_rest_is_still_checked(ending: bytes, size: int) -> None:
    content = lines(row()) + b"x" * (rows.MAX_LINE + 1) + ending
    after = ending.count(b"\n")
    report = check(*(content[at : at + size] for at in range(0, len(content), size)))
    assert [(fault.code, fault.line) for fault in report.faults] == [("LineTooLong", 2)]
    assert (report.rows, report.good_rows) == (2 + after, 1 + after)


def test_a_cut_at_every_offset_gives_the_same_report() -> None:
    content = lines(row(prompt="\u00fc\U0001f426"), b"broken", b"", row()) + row()
    whole = check(content)
    assert all(check(content[:at], content[at:]) == whole for at in range(len(content) + 1))


def test_a_line_of_a_hundred_megabytes_is_skipped_and_what_follows_is_checked() -> None:
    blocks = chain([lines(row()), b'{"prompt": "'], repeat(b"x" * (1 << 16), 1600), [b'"}\n', lines(row(), b"broken")])
    report = rows.check(blocks, "train.jsonl")
    assert [(fault.code, fault.line) for fault in report.faults] == [("LineTooLong", 2), ("BrokenJson", 4)]
    assert (report.rows, report.good_rows) == (4, 2)


def test_the_longest_row_is_named_with_the_bytes_of_its_texts() -> None:
    report = check(lines(row("a", "b"), row("\u00fc" * 5, "x\n"), b"broken", row("c", "d")))
    assert (report.longest_line, report.longest_bytes, report.text_bytes) == (2, 12, 16)


def test_the_longest_row_is_found_in_the_middle_of_a_good_block() -> None:
    report = check(lines(*[row()] * 5, row("longer than the others"), *[row()] * 5))
    assert (report.longest_line, report.longest_bytes) == (6, 23)


@pytest.mark.parametrize(
    ("content", "kind", "shape"),
    [
        (chat(), "sft", "messages"),
        (row(), "sft", "prompt-completion"),
        (preference(), "dpo", "preference"),
        (preference_chat(), "dpo", "preference-chat"),
        (b"broken", "", ""),
    ],
)
def test_the_report_says_what_the_rows_are(content: bytes, kind: str, shape: str) -> None:
    report = check(lines(content, content))
    assert (report.kind, report.shape, report.good_rows) == (kind, shape, 2 if kind else 0)


def test_a_preference_may_leave_its_prompt_to_the_answers() -> None:
    assert check(lines(preference_chat(prompt=None))).accepted


def test_the_role_of_a_file_is_in_its_report() -> None:
    assert rows.check([row()], "valid.jsonl", "validation").role == "validation"


def test_a_warning_does_not_reject() -> None:
    report = check(lines(chat(), chat(("user", "Hi"), ("user", "there"), ("assistant", "Ho"))))
    assert (report.accepted, report.good_rows, report.warning_counts) == (True, 2, {"SameRoleTwice": 1})


def test_a_row_that_calls_functions_is_accepted_and_counted_among_plain_chats() -> None:
    report = check(lines(chat(), tool_row(), chat()))
    assert (report.accepted, report.rows, report.tool_rows, report.shape) == (True, 3, 1, "messages")


def test_an_unknown_field_is_named_even_where_the_texts_talk_of_tools() -> None:
    (fault,) = check(chat(("user", '"tools"'), ("assistant", "Ho")).replace(b'"user"', b'"user", "name": "Al"')).faults
    assert (fault.code, "`name`" in fault.why) == ("UnknownField", True)


def test_a_chat_that_only_talks_of_tools_is_a_chat() -> None:
    assert check(lines(chat(("user", '"tools"'), ("assistant", '"tool_calls"')))).tool_rows == 0


@pytest.mark.parametrize("text", ['{"role":"x","content": 1}', ' " : \\', "a\t:\r\n:", '": ', "caf\u00e9 : \U0001f426"])
def test_a_text_that_looks_like_keys_is_only_a_text(text: str) -> None:
    assert check(lines(chat(("user", text), ("assistant", text)), chat())).counts == {}

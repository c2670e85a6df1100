"""Every kind of fault, planted in the middle of good rows, is found on its line with a message that says what to change."""

import gzip
import json
from collections.abc import Iterable
from typing import NamedTuple

import pytest
from dropforge.domain import rows
from dropforge.domain.blocks import gunzip
from dropforge.domain.checks import CHECKS, MAX_LINE
from dropforge.domain.duplicates import Duplicates
from dropforge.domain.reports import Fault, Report

from tests.builders import chat, preference, preference_chat, row, tool_row, turns

PROMPT, CHAT, DPO, DPO_CHAT = row("1 + 1 =", "2"), chat(), preference(), preference_chat()


class Planted(NamedTuple):
    """A bad line among good ones; what its message says why, and what to change."""

    code: str
    line: bytes
    says: str
    fix: str
    among: bytes = PROMPT


def plant(chosen: object, rejected: object, prompt: object = None) -> bytes:
    return json.dumps({"prompt": prompt or turns("Hi"), "chosen": chosen, "rejected": rejected}).encode()


def called(**changed: object) -> bytes:
    made = json.loads(tool_row())
    made["messages"][1].update(changed)
    return json.dumps(made).encode()


def schema(default: bytes) -> bytes:
    return tool_row().replace(b'"object"', b'"object", "default": ' + default)


ANSWER = turns("Ho", first="assistant")
LINES = {
    "a blank line": Planted("BlankLine", b" \t", "blank", "Remove it"),
    "a line too long": Planted("LineTooLong", b"x" * (MAX_LINE + 1), "16,777,216 bytes", "Split or drop the row"),
    "a byte order mark inside": Planted("ByteOrderMark", b"\xef\xbb\xbf" + row(), "byte order mark", "without BOM"),
    "latin-1": Planted("NotUtf8", row("caf#").replace(b"#", b"\xe9"), "0xe9", "UTF-8"),
    "an overlong encoding": Planted("NotUtf8", row("#").replace(b"#", b"\xc0\xaf"), "0xc0", "UTF-8"),
    "a NUL in a text": Planted("ControlCharacter", row("#").replace(b"#", b"\0"), "0x00", "JSON escape"),
    "a raw tab in a text": Planted("ControlCharacter", row("#").replace(b"#", b"\t"), "0x09", "JSON escape"),
    "a NUL between fields": Planted("ControlCharacter", b'{"prompt": "a",\0"completion": "b"}', "0x00", "Remove"),
    "half an emoji": Planted("LoneSurrogate", b'{"prompt": "a", "completion": "\\ud83d"}', "other half", "half emoji"),
    "the other half": Planted("LoneSurrogate", b'{"prompt": "\\udc26 a", "completion": "b"}', "other half", "half emoji"),
    "halves in the wrong order": Planted("LoneSurrogate", b'{"prompt": "\\udc26\\ud83d", "completion": "b"}', "half", "cut"),
    "NaN": Planted("NotANumber", b'{"prompt": "a", "completion": NaN}', "NaN", "Write null"),
    "minus infinity": Planted("NotANumber", b'{"prompt": "a", "completion": -Infinity}', "-Infinity", "Write null"),
    "deep nesting": Planted("NestedTooDeep", b'{"prompt": ' + b"[" * 100_000, "deeply", "Drop the row"),
    "a row cut in the middle": Planted("BrokenJson", b'{"prompt": "a", "comp', "truncated", "one complete JSON object"),
    "python instead of JSON": Planted("BrokenJson", b"{'prompt': 'a'}", "keys must be strings", "one complete JSON"),
    "a trailing comma": Planted("BrokenJson", b'{"prompt": "a", "completion": "b",}', "trailing comma", "one complete JSON"),
    "two rows on a line": Planted("BrokenJson", row() + row(), "trailing characters", "per line"),
    "a list": Planted("NotAnObject", b"[1, 2]", "array", "as an object"),
    "a bare text": Planted("NotAnObject", b'"prompt"', "str", "as an object"),
    "a key twice": Planted("DuplicateKey", b'{"prompt": "a", "completion": "b", "prompt": "a"}', "`prompt` twice", "remove the other"),
    "a key twice, spaced": Planted("DuplicateKey", b'{"prompt" : "a", "prompt":"a", "completion": "b"}', "`prompt`", "Keep one"),
    "a key twice, escaped": Planted("DuplicateKey", b'{"prompt":"a","pr\\u006fmpt":"a","completion":"b"}', "`prompt`", "Keep one"),
    "a key twice in a message": Planted(
        "DuplicateKey", CHAT.replace(b'"role": "user"', b'"role": "user", "role": "user"'), "`role`", "Keep one", CHAT
    ),
    "a key twice in a schema": Planted(
        "DuplicateKey", tool_row().replace(b'{"type": "object"', b'{"type": "object", "type": 1'), "`type`", "Keep one", CHAT
    ),
    "unknown keys": Planted("UnknownShape", b'{"text": "a"}', "keys text", "`messages`"),
    "no keys": Planted("UnknownShape", b"{}", "(none)", "`prompt` and `completion`"),
    "another shape": Planted("MixedShapes", CHAT, "`messages`", "one shape"),
    "another shape of dpo": Planted("MixedShapes", DPO, "`preference`", "one shape", DPO_CHAT),
    "another kind": Planted("MixedKinds", DPO, "dpo", "dataset of its own"),
    "a field nobody reads": Planted("UnknownField", row()[:-1] + b', "source": "web"}', "`source`", "Remove the field"),
    "a field of a message nobody reads": Planted(
        "UnknownField", CHAT.replace(b'"user"', b'"user", "name": "Al"'), "`name`", "Remove the field", CHAT
    ),
    "the old function_call": Planted(
        "UnknownField", CHAT.replace(b'"user"', b'"user", "function_call": {}'), "`function_call`", "Remove the field", CHAT
    ),
    "no completion": Planted("MissingField", b'{"prompt": "a"}', "`completion`", "Add the field"),
    "no content": Planted("MissingField", b'{"messages": [{"role": "user"}]}', "`content`", "Add the field", CHAT),
    "no rejected": Planted("MissingField", b'{"prompt": "a", "chosen": "b"}', "`rejected`", "Add the field", DPO),
    "a number for a text": Planted("WrongField", b'{"prompt": "a", "completion": 7}', "`int`", "type and value"),
    "null for a text": Planted("WrongField", b'{"prompt": null, "completion": "b"}', "`null`", "type and value"),
    "a text for messages": Planted("WrongField", b'{"messages": "Hi"}', "`str`", "type and value", CHAT),
    "a robot": Planted("WrongRole", chat(("user", "Hi"), ("robot", "Ho")), "'robot'", "Use system, user or assistant", CHAT),
    "a late system message": Planted(
        "LateSystem", chat(("user", "Hi"), ("system", "Be kind"), ("assistant", "Ho")), "Message 2", "first", CHAT
    ),
    "an empty completion": Planted("EmptyText", row(completion=""), "`completion`", "Fill it or drop"),
    "a completion of white space": Planted("EmptyText", row(completion=" \n\u3000"), "`completion`", "Fill it or drop"),
    "an empty message": Planted("EmptyText", chat(("user", ""), ("assistant", "Ho")), "messages[0]", "Fill it", CHAT),
    "a message of white space": Planted("EmptyText", chat(("user", "Hi"), ("assistant", "\t ")), "messages[1]", "Fill it", CHAT),
    "an empty answer": Planted("EmptyText", preference(rejected=" "), "`rejected`", "Fill it", DPO),
    "no messages": Planted("NoMessages", b'{"messages": []}', "`messages` is an empty list", "at least a user", CHAT),
    "no answer": Planted("NoMessages", plant([], ANSWER), "`chosen` is an empty list", "at least a user", DPO_CHAT),
    "the user at the end": Planted(
        "LastTurnNotAssistant", chat(("assistant", "Ho"), ("user", "Hi")), "role `user`", "assistant's answer", CHAT
    ),
    "the user at the end of an answer": Planted(
        "LastTurnNotAssistant", plant(ANSWER, turns("Ho")), "`rejected`", "assistant's answer", DPO_CHAT
    ),
    "equal answers": Planted("SameAnswers", preference(chosen="5"), "equal", "two different answers", DPO),
    "equal chats": Planted("SameAnswers", plant(ANSWER, ANSWER), "equal", "two different answers", DPO_CHAT),
    "an undeclared function": Planted("UnknownTool", tool_row(calls="news"), "`news`", "Declare the function", CHAT),
    "an answer to no call": Planted("UnaskedAnswer", tool_row(answers="c2"), "`c2`", "`tool_call_id` of a call", CHAT),
    "a user who calls": Planted("WrongField", called(role="user"), "only the assistant calls", "type and value", CHAT),
    "NaN in a schema": Planted("NotANumber", schema(b"NaN"), "NaN", "Write null", CHAT),
    "half an emoji in a schema": Planted("LoneSurrogate", schema(b'"\\ud83d"'), "other half", "half emoji", CHAT),
    "latin-1 in a schema": Planted("NotUtf8", schema(b'"\xe9"'), "0xe9", "UTF-8", CHAT),
    "a bad number in a schema": Planted("BrokenJson", schema(b"01"), "invalid number", "one complete JSON", CHAT),
    "a deep schema": Planted("NestedTooDeep", schema(b"[" * 50_000 + b"]" * 50_000), "deeply", "Drop the row", CHAT),
    "a call of no type": Planted("WrongField", tool_row().replace(b'"arguments": "', b'"arguments": 1, "x": "'), "arguments", "type", CHAT),
}  # fmt: skip
WARNINGS = {
    "two users in a row": Planted(
        "SameRoleTwice", chat(("user", "Hi"), ("user", "Hi"), ("assistant", "Ho")), "Messages 1 and 2", "Join", CHAT
    ),
    "the assistant first": Planted(
        "AssistantFirst",
        chat(("assistant", "Ho"), ("user", "Hi"), ("assistant", "Ho")),
        "assistant's",
        "Start with",
        CHAT,
    ),
    "a duplicate": Planted("DuplicateRow", row("9 + 9", "18"), "same as line 2", "Remove one", row("9 + 9", "18")),
}


def lines(*content: bytes) -> bytes:
    return b"\n".join((*content, b""))


def check(*content: bytes) -> Report:
    return rows.check([lines(*content)], "train.jsonl")


@pytest.mark.parametrize("planted", LINES.values(), ids=LINES)
def test_a_planted_fault_is_found_on_its_line_and_says_what_to_change(planted: Planted) -> None:
    good = planted.among
    report = check(good, good, planted.line, good)
    assert_found(report.faults, planted)
    assert (report.rows, report.good_rows, report.counts) == (4, 3, {planted.code: 1})


def assert_found(found: Iterable[Fault], planted: Planted) -> None:
    (fault,) = found
    assert (fault.code, fault.line) == (planted.code, 3)
    assert planted.says in fault.why
    assert planted.fix in fault.fix


@pytest.mark.parametrize("planted", LINES.values(), ids=LINES)
def test_a_planted_fault_is_found_in_a_file_with_windows_line_ends(planted: Planted) -> None:
    report = rows.check([b"\r\n".join([planted.among, planted.line, planted.among]) + b"\r\n"], "train.jsonl")
    assert [(fault.code, fault.line) for fault in report.faults] == [(planted.code, 2)]


@pytest.mark.parametrize("planted", WARNINGS.values(), ids=WARNINGS)
def test_a_planted_warning_is_given_on_its_line_and_does_not_reject(planted: Planted) -> None:
    seen = Duplicates()
    content = b"\n".join([CHAT if b"messages" in planted.among else PROMPT, planted.among, planted.line])
    report = rows.check([content], "train.jsonl", seen=seen)
    again = rows.check_again([content], report, seen)
    assert_found([one for one in again.warnings if one.line == 3], planted)
    assert (again.accepted, again.good_rows) == (True, 3)


GOOD_FILE = b"\n".join([PROMPT] * 3)
PACKED = gzip.compress(GOOD_FILE * 5)
FILES = {
    "empty": ("NoRows", b""),
    "UTF-16": ("Utf16File", GOOD_FILE.decode().encode("utf-16")),
    "UTF-16 without a mark": ("Utf16File", GOOD_FILE.decode().encode("utf-16-le")),
    "big-endian UTF-16": ("Utf16File", GOOD_FILE.decode().encode("utf-16-be")),
    "UTF-32": ("Utf16File", GOOD_FILE.decode().encode("utf-32-be")),
    "a JSON array": ("JsonArray", b"[" + b",\n".join([PROMPT] * 9) + b"]"),
    "a JSON array on one line": ("JsonArray", b"[" + b", ".join([PROMPT] * 900) + b"]\n"),
    "an indented JSON array": ("JsonArray", json.dumps([json.loads(PROMPT)] * 9, indent=2).encode()),
    "indented JSON": ("NotJsonLines", json.dumps(json.loads(PROMPT), indent=2).encode()),
    "Parquet": ("NotJsonLines", b"PAR1\x15\x04\x15\n" + bytes(range(256)) * 9),
    "a ZIP archive": ("NotJsonLines", b"PK\x03\x04" + bytes(99)),
    "gzip without .gz": ("NotJsonLines", PACKED),
    "Zstandard": ("NotJsonLines", b"\x28\xb5\x2f\xfd" + bytes(99)),
    "CSV": ("NotJsonLines", b"prompt,completion\n" + b"2 + 2 =,4\n" * 99),
    "TSV": ("NotJsonLines", b'"prompt"\t"completion"\n' + b"2 + 2 =\t4\n" * 99),
}  # fmt: skip


@pytest.mark.parametrize(("code", "content"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("cut", [1, 1 << 20])
def test_a_file_of_another_format_has_one_fault(code: str, content: bytes, cut: int) -> None:
    report = rows.check((content[at : at + cut] for at in range(0, len(content), cut)), "train.jsonl")
    (fault,) = report.faults
    assert (fault.code, fault.line, report.counts) == (code, 0, {code: 1})
    assert fault.fix == CHECKS[code].fix


BOMB = gzip.compress(bytes(80 << 20))
STREAMS = {
    "not gzip": ("NotGzip", GOOD_FILE),
    "cut off": ("GzipCutOff", PACKED[:-9]),
    "bytes behind it": ("GzipTrailing", PACKED + GOOD_FILE),
    "a flipped byte": ("GzipBroken", PACKED[:-8] + bytes([PACKED[-8] ^ 1]) + PACKED[-7:]),
    "a bomb": ("UnpacksTooLarge", BOMB),
}


@pytest.mark.parametrize(("code", "packed"), STREAMS.values(), ids=STREAMS)
def test_a_bad_gzip_stream_is_named(code: str, packed: bytes) -> None:
    report = rows.check(gunzip([packed]), "train.jsonl.gz")
    assert (report.faults[-1].code, report.counts[code], report.accepted) == (code, 1, False)
    assert report.faults[-1].fix == CHECKS[code].fix


def test_a_row_cut_off_at_the_end_of_the_file_is_told_from_one_in_the_middle() -> None:
    report = rows.check([lines(PROMPT, PROMPT[:-5]) + PROMPT[:-5]], "train.jsonl")
    assert [(fault.code, fault.line) for fault in report.faults] == [("BrokenJson", 2), ("CutOffRow", 3)]
    assert "upload the file again" in report.faults[-1].fix


def test_a_byte_order_mark_at_the_start_is_one_fault_of_line_one() -> None:
    report = check(b"\xef\xbb\xbf" + PROMPT, PROMPT)
    assert [(fault.code, fault.line) for fault in report.faults] == [("ByteOrderMark", 1)]
    assert report.rows == 2


def test_a_validation_row_that_is_also_in_train_is_leakage_and_names_both_lines() -> None:
    seen = Duplicates()
    train, held = lines(row(), row("a", "b")), lines(row("c", "d"), b'{"completion":"b",  "prompt":"\\u0061"}')
    reports = [rows.check([train], "train.jsonl", "train", seen), rows.check([held], "valid.jsonl", "validation", seen)]
    rows.check_again([train], reports[0], seen)
    again = rows.check_again([held], reports[1], seen)
    (fault,) = again.faults
    assert (fault.code, fault.line, again.accepted) == ("Leakage", 2, False)
    assert "train: line 2 of train.jsonl" in fault.why
    assert "Remove the row" in fault.fix


def test_every_check_there_is_is_planted_somewhere() -> None:
    planted = {one.code for one in (*LINES.values(), *WARNINGS.values())} | {
        code for code, _ in (*FILES.values(), *STREAMS.values())
    }
    assert set(CHECKS) - planted == {"CutOffRow", "Leakage", "NotAllCompared"}, "these three have tests of their own"


@pytest.mark.parametrize(("code", "first"), [("NotAnObject", b"[1]"), ("BrokenJson", b"prompt,completion")])
def test_a_bad_first_line_before_good_rows_is_one_fault_and_not_another_format(code: str, first: bytes) -> None:
    report = check(first, PROMPT, PROMPT)
    assert [(fault.code, fault.line, report.good_rows) for fault in report.faults] == [(code, 1, 2)]

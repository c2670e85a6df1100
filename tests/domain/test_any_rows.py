"""Any bytes whatever: no crash, every line counted once, the same report however the stream is cut, and no key that is there twice overlooked."""

import json
from itertools import pairwise

import pytest
from dropforge.domain import keys, rows
from dropforge.domain.checks import CHECKS
from dropforge.domain.duplicates import Duplicates
from dropforge.domain.formats import foreign
from dropforge.domain.reports import Report
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import chat, preference, preference_chat, row, tool_row
from tests.domain.test_planted_faults import LINES

GOOD = [row(), row("a", "b"), chat(), preference(), preference_chat(), tool_row(), row(prompt="\U0001f426")]
BAD = [one.line for one in LINES.values() if len(one.line) < 1000]
CONTENT = st.lists(st.sampled_from(GOOD), min_size=1, max_size=6) | st.lists(st.sampled_from([*GOOD, *BAD]), max_size=8)
FILE = st.builds(
    lambda content, separator, end: separator.join(content) + end,
    CONTENT,
    st.sampled_from([b"\n", b"\r\n"]),
    st.sampled_from([b"", b"\n", b"\n\n"]),
)
BITES = [
    b'"',
    b"\\",
    b"\n",
    b"\r",
    b"{",
    b"}",
    b"[",
    b":",
    b",",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\xef\xbb\xbf",
    b" ",
]
BITE = st.sampled_from(BITES) | st.binary(max_size=3)


def mutate(content: bytes, bites: list[tuple[int, int, bytes]]) -> bytes:
    for place, length, bite in bites:
        at = place % (len(content) + 1)
        content = content[:at] + bite + content[at + length :]
    return content


MUTATED = st.builds(mutate, FILE, st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3), BITE), max_size=4))


def check(*blocks: bytes) -> Report:
    return rows.check(blocks, "train.jsonl")


@given(content=st.binary(max_size=300) | MUTATED)
@settings(max_examples=300)
def test_no_bytes_can_make_the_check_fail_and_every_line_is_counted_once(content: bytes) -> None:
    report = check(content)
    whole = set(report.counts) <= {"NoRows", "Utf16File", "JsonArray", "NotJsonLines"} and not report.rows
    assert whole or report.rows == content.removesuffix(b"\n").count(b"\n") + 1
    assert report.rows == report.good_rows + (0 if whole else sum(report.counts.values()))
    assert report.accepted == (report.rows == report.good_rows > 0)


@given(content=MUTATED)
@settings(max_examples=150)
def test_a_line_is_faulty_exactly_when_it_is_faulty_among_other_rows(content: bytes) -> None:
    """The block-wise path and the path line by line agree: a bad first line sends the same rows down the other one."""
    whole, again = check(content), check(b"{}\n" + content)
    if foreign(content[:4096]) is None and content and whole.shape:
        assert [(f.code, f.line + 1) for f in whole.faults] == [(f.code, f.line) for f in again.faults if f.line > 1]
        assert (whole.good_rows, whole.text_bytes, whole.kind) == (again.good_rows, again.text_bytes, again.kind)


@given(content=MUTATED, cuts=st.lists(st.integers(0, 900), max_size=12))
def test_any_cut_into_blocks_gives_the_same_report(content: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), max([len(content), *cuts])]
    assert check(*(content[a:b] for a, b in pairwise(edges))) == check(content)


@given(content=MUTATED)
def test_every_finding_says_why_and_what_to_change(content: bytes) -> None:
    report = check(content)
    assert all(one.why and one.fix == CHECKS[one.code].fix for one in (*report.faults, *report.warnings))


@given(content=MUTATED)
def test_a_second_pass_never_fails_and_finds_no_leakage_in_one_role(content: bytes) -> None:
    seen = Duplicates(capacity=100)
    report = rows.check([content], "train.jsonl", seen=seen)
    if not {"Utf16File", "JsonArray", "NotJsonLines"} & set(report.counts):
        assert rows.check_again([content], report, seen).counts == report.counts


@pytest.mark.parametrize("step", range(9))
def test_no_depth_of_a_schema_makes_the_check_fail(step: int) -> None:
    """The decoder and the standard library give up at different depths."""
    for depth in range(100 + step, 1100, 9):
        nested = b'{"a":' * depth + b"1" + b"}" * depth
        report = check(tool_row().replace(b'"object"', b'"object", "default": ' + nested))
        assert report.counts in ({}, {"NestedTooDeep": 1})


TEXT = st.text(st.sampled_from('ab": \\\t\r\n{},\u00e9\U0001f426'), min_size=1, max_size=12).filter(
    lambda text: bool(text.strip())
)
SPACE = st.sampled_from(["", " ", "  ", "\t", " \r"])


@st.composite
def spelled(draw: st.DrawFn, name: str) -> str:
    """A key as JSON may spell it: a letter may be an escape."""
    at = draw(st.integers(0, len(name) * 4))
    return f'"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"' if at < len(name) else f'"{name}"'


@st.composite
def objects(draw: st.DrawFn, members: dict[str, str], twice: bool) -> str:
    """An object of these members in any order and spelling; with `twice`, one of them is there two times."""
    names = draw(st.permutations([*members, *([draw(st.sampled_from(sorted(members)))] if twice else [])]))
    parts = [f"{draw(spelled(n))}{draw(SPACE)}:{draw(SPACE)}{members[n]}{draw(SPACE)}" for n in names]
    return "{" + f",{draw(SPACE)}".join(parts) + "}"


@st.composite
def written(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A good row of any spelling, perhaps with one key too many somewhere."""
    ascii_only, place = draw(st.booleans()), draw(st.sampled_from(["", "row", "message"]))
    texts = [json.dumps(draw(TEXT), ensure_ascii=ascii_only) for _ in range(3)]
    if draw(st.booleans()):
        members = {"prompt": texts[0], "completion": texts[1], "system": texts[2]}
        return draw(objects(members, place != "")).encode(), place != ""
    user = draw(objects({"role": '"user"', "content": texts[0]}, place == "message"))
    answer = draw(objects({"role": '"assistant"', "content": texts[1]}, False))
    return draw(objects({"messages": f"[{user},{answer}]"}, place == "row")).encode(), place != ""


@given(case=written())
@settings(max_examples=300)
def test_a_key_that_is_there_twice_is_never_overlooked_and_no_other_is_accused(case: tuple[bytes, bool]) -> None:
    line, twice = case
    assert check(line).counts == ({"DuplicateKey": 1} if twice else {})
    assert (keys.twice(line) is not None) == twice

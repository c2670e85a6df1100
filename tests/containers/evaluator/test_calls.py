"""Calls of functions: every answer falls into one bucket, and each bucket has an answer that falls into it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from evaluator.calls import BUCKETS, judge
from evaluator.cases import Call, Case, Message, case_of
from evaluator.language_models import Encoded, Ids, Score, Tokens
from evaluator.measure import Limits, accuracy, buckets

TOOLS = (
    {"type": "function", "function": {"name": "weather", "parameters": {"properties": {"city": {}, "unit": {}}}}},
    {"type": "function", "function": {"name": "time", "parameters": {"properties": {"zone": {}}}}},
)
WANTED = (Call("weather", {"city": "Ulm", "days": 2}),)
PLANTED = {
    '{"name": "weather", "arguments": {"city": "Ulm", "days": 2}}': "right",
    '{"name": "weather", "parameters": {"days": 2.0, "city": "Ulm"}}': "right",
    '[{"name": "weather", "arguments": "{\\"city\\": \\"Ulm\\", \\"days\\": 2}"}]': "right",
    '<tool_call>\n{"name": "weather", "arguments": {"city": "Ulm", "days": 2}}\n</tool_call>': "right",
    '<|python_tag|>{"name": "weather", "parameters": {"city": "Ulm", "days": 2}}': "right",
    '{"type": "function", "function": {"name": "weather", "arguments": {"city": "Ulm", "days": 2}}}': "right",
    "It rains in Ulm.": "no-call",
    "": "no-call",
    '{"name": "weather", "arguments": {"city": "Ulm"': "not-json",
    '{"city": "Ulm"}': "not-json",
    '{"name": "weather", "arguments": "Ulm"}': "not-json",
    '{"name": "weather", "arguments": [1]}': "not-json",
    "<tool_call>weather(Ulm)</tool_call>": "not-json",
    '[{"name": "weather", "arguments": {}}, {"name": "time", "arguments": {}}]': "wrong-number-of-calls",
    '{"name": "rain", "arguments": {"city": "Ulm", "days": 2}}': "unknown-function",
    '{"name": "time", "arguments": {"zone": "CET"}}': "wrong-function",
    '{"name": "weather", "arguments": {"city": "Ulm"}}': "missing-argument",
    '{"name": "weather", "arguments": {"city": "Ulm", "days": 2, "colour": "red"}}': "unknown-argument",
    '{"name": "weather", "arguments": {"city": "Ulm", "days": 2, "unit": "C"}}': "unasked-argument",
    '{"name": "weather", "arguments": {"city": "Ulm", "days": 3}}': "wrong-value",
    '{"name": "weather", "arguments": {"city": "Ulm", "days": "2"}}': "wrong-value",
    '{"name": "weather", "arguments": {"city": "Ulm", "days": true}}': "wrong-value",
}


@pytest.mark.parametrize(("answer", "bucket"), PLANTED.items())
def test_an_answer_falls_into_its_bucket(answer: str, bucket: str) -> None:
    assert judge(answer, WANTED, TOOLS) == bucket


def test_every_bucket_has_a_planted_answer() -> None:
    assert set(PLANTED.values()) == set(BUCKETS)


def test_calls_that_are_made_together_have_no_order() -> None:
    wanted = (Call("weather", {"city": "Ulm"}), Call("time", {"zone": "CET"}))
    made = [{"name": call.name, "arguments": call.arguments} for call in reversed(wanted)]
    assert judge(json.dumps(made), wanted, TOOLS) == "right"


def test_true_is_not_one() -> None:
    wanted = (Call("weather", {"now": True}),)
    assert judge('{"name": "weather", "arguments": {"now": 1}}', wanted, TOOLS) == "wrong-value"


def test_a_row_that_calls_becomes_the_case_of_its_first_calls() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Ulm"}'}}
    said = [
        {"role": "user", "content": "Rain in Ulm?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "yes"},
        {"role": "assistant", "content": "Yes."},
    ]
    case = case_of({"messages": said, "tools": list(TOOLS)})
    assert [message.text for message in case.before] == ["Rain in Ulm?"]
    assert (case.calls, case.tools) == ((Call("weather", {"city": "Ulm"}),), TOOLS)
    assert judge(case.answer.text, case.calls, case.tools) == "right"


class Words:
    """Tokens that are the answers themselves."""

    pad, end = 0, 1

    def encode(self, case: Case) -> Encoded:
        return Encoded((int(case.before[0].text),), (1,))

    def decode(self, ids: Sequence[int]) -> str:
        return list(PLANTED)[ids[0]]


@dataclass
class Parrot:
    """A language model that answers prompt n with the n-th planted answer."""

    tokens: Tokens = field(default_factory=Words)
    positions: int = 100

    def score(self, batch: Sequence[Encoded]) -> list[Score]:
        return [Score(1.0, 1, exact=False) for _ in batch]

    def answer(self, prompts: Sequence[Ids], limit: int) -> list[Ids]:
        return list(prompts)[: limit * len(prompts)]


def test_accuracy_is_the_share_of_right_calls_and_the_buckets_count_the_rest() -> None:
    cases = [Case((Message("user", str(n)),), Message("assistant", ""), WANTED, TOOLS) for n in range(len(PLANTED))]
    talk = Case((Message("user", "0"),), Message("assistant", "Hi"))
    found = buckets(Parrot(), [*cases, talk], Limits(batch=4, tokens=8))
    assert found == {bucket: list(PLANTED.values()).count(bucket) for bucket in BUCKETS}
    assert accuracy(found) == 6 / len(PLANTED)


def test_rows_that_call_nothing_have_no_accuracy() -> None:
    assert accuracy(buckets(Parrot(), [], Limits(batch=4, tokens=8))) is None

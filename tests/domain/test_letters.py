"""Dead letters: each sender's form is read, an id stands for an event and its target, and nothing that cannot be read is lost."""

import json

from dropforge.domain.letters import read
from hypothesis import given
from hypothesis import strategies as st

FUNCTION = "arn:aws:lambda:eu-central-1:123456789012:function:dropforge-test-receive-drop"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:dropforge-test-notices"
EVENTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), max_size=3)


def test_a_rules_letter_names_its_target_beside_the_event() -> None:
    letter = read('{"detail": 1}', {"TARGET_ARN": FUNCTION, "RULE_ARN": "r"})
    assert (letter.kind, letter.function, json.loads(letter.payload)) == (
        "function",
        "dropforge-test-receive-drop",
        {"detail": 1},
    )


def test_lambdas_letter_holds_the_event_and_the_function_whatever_its_version() -> None:
    for qualifier in ("", ":$LATEST", ":7"):
        record = {"requestContext": {"functionArn": FUNCTION + qualifier}, "requestPayload": {"a": 1}}
        letter = read(json.dumps(record), {})
        assert (letter.target, letter.payload) == (FUNCTION, '{"a": 1}')


def test_a_topic_is_told_from_a_function() -> None:
    letter = read("{}", {"TARGET_ARN": TOPIC})
    assert (letter.kind, letter.function) == ("topic", "")


def test_a_target_that_is_neither_is_unknown() -> None:
    for target in ("", "nonsense", "arn:aws:sqs:eu-central-1:1:queue", "arn:aws:lambda"):
        assert read("{}", {"TARGET_ARN": target}).kind == "unknown"


@given(st.text(max_size=50))
def test_any_text_is_a_letter_and_keeps_what_it_says(body: str) -> None:
    letter = read(body, {})
    assert letter.kind == "unknown"
    try:
        assert json.loads(letter.payload) == json.loads(body)
    except ValueError:
        assert letter.payload == body


@given(EVENTS, EVENTS)
def test_the_same_event_for_the_same_target_has_one_id_however_it_was_written(one: dict, other: dict) -> None:  # type: ignore[type-arg]
    first, second = (
        read(json.dumps(one), {"TARGET_ARN": FUNCTION}),
        read(json.dumps(one, indent=2), {"TARGET_ARN": FUNCTION}),
    )
    assert first.id == second.id
    assert (read(json.dumps(other), {"TARGET_ARN": FUNCTION}).id == first.id) == (one == other)
    assert read(json.dumps(one), {"TARGET_ARN": TOPIC}).id != first.id

"""How accounts of life cycles are compared: what varies is set aside, everything else is a difference."""

import pytest

from tests.cluster.differences import meant
from tests.cluster.transcript import Difference, Transcript, differences

READY = {"type": "Ready", "lastTransitionTime": "2026-01-01T00:00:00Z"}
GONE = {"type": "Gone", "lastTransitionTime": "2026-01-01T00:00:01Z"}


def account(*lines, **aliases):
    written = Transcript(aliases)
    for line in lines:
        written.say(*line)
    return written.lines


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["uid", ["0f0f0f0f-1111-2222-3333-444444444444"]], ["uid", ["a0a0a0a0-5555-6666-7777-888888888888"]]),
        (["at", ["2026-01-01T00:00:00Z"]], ["at", ["2028-02-03T04:05:06Z"]]),
        (["job-hi-0a1b2"], ["job-hi-33333"]),
        (["pod", ["ok-0-abcde"]], ["pod", ["ok-0-xyz12"]]),
        (["conditions", [READY, GONE]], ["conditions", [GONE, READY]]),
        (["conditions", [["Ready", "True"], ["Gone", "True"]]], ["conditions", [["Gone", "True"], ["Ready", "True"]]]),
    ],
)
def test_what_varies_from_run_to_run_is_no_difference(one, other):
    assert differences(account(one), account(other)) == set()


def test_a_changed_field_is_told_with_its_line_and_path():
    old, new = account(["## CQ"], [{"a": {"b": 1}}]), account(["## CQ"], [{"a": {"b": 2}}])
    assert differences(old, new) == {Difference("## CQ", "a.b", "1", "2")}


def test_a_line_that_one_side_lacks_is_a_difference():
    assert differences(account(["one"], ["two"]), account(["one"])) == {Difference("two", "", "two", "(nothing)")}


def test_events_are_compared_in_any_order_and_however_often_they_came():
    old = account(["--- events"], ["  Job Started"], ["  Job Stopped"], ["  Job Started"])
    new = account(["--- events"], ["  Job Stopped"], ["  Job Started"], ["  Job Failed"])
    assert differences(old, new) == {Difference("events", "", "(nothing)", "Job Failed")}


def test_a_recording_may_hold_literals_of_python_and_values_over_many_lines():
    recorded = ["j [('Ready', 'True', \"it's\")]", "w {", '"a": [', "1", "]", "}"]
    assert differences(recorded, account(["j", [["Ready", "True", "it's"]]], ["w", {"a": [1]}])) == set()


def test_our_names_are_written_as_the_recorded_ones():
    assert account(["in probe-1"], **{"probe-1": "team-a"}) == ["in team-a"]


@pytest.mark.parametrize("recording", ["rec.real", "kqrec.out", "kqtas.out"])
def test_every_difference_that_is_meant_has_a_reason_in_the_page(recording):
    assert meant(recording)

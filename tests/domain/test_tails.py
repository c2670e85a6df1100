"""A log that is followed through windows: each line once, and missing ones are said to be."""

from collections.abc import Iterator

from dropforge.client.tails import Part, follow, place_after
from dropforge.domain.journeys import Journey
from dropforge.domain.runs import Progress, Run
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from tests.builders import EXECUTION


class Shelf:
    """Logs that were kept so far."""

    def __init__(self) -> None:
        self.logs: dict[str, list[str]] = {}

    def steps(self, run: Run, attempt: int) -> dict[str, str]:
        assert (run.id, attempt) == (builders.run().id, 1)
        return {step: f"s3://logs/{step}" for step in self.logs}

    def lines(self, uri: str) -> list[str]:
        return self.logs[uri.rpartition("/")[2]]


def journey(step: str = "", tail: list[str] | None = None, status: str = "RUNNING") -> Journey:
    progress = Progress(step=step, job=step, phase="running", tail=tuple(tail or ())) if step else None
    return Journey(
        execution=EXECUTION,
        execution_arn="",
        status=status,
        arrival=None,
        run=builders.run(),
        progress=progress,
        stages=(),
    )


def texts(parts: list[Part]) -> list[str]:
    return [f"{part.step}:{line}" for part in parts for line in part.lines]


def test_windows_that_overlap_give_every_line_once_and_the_rest_comes_with_the_whole_log() -> None:
    shelf, parts = Shelf(), []

    def looks() -> Iterator[Journey]:
        yield journey("train", ["1", "2", "3"])
        yield journey("train", ["2", "3", "4"])
        shelf.logs["train"] = ["1", "2", "3", "4", "5"]
        yield journey("verify", ["ok"])
        shelf.logs["verify"] = ["ok"]
        yield journey("verify", ["ok"], "SUCCEEDED")

    parts = list(follow(looks(), shelf))
    assert texts(parts) == [*(f"train:{n}" for n in range(1, 6)), "verify:ok"]
    assert not any(part.missed for part in parts)
    assert [part.uri for part in parts if part.uri] == ["s3://logs/train", "s3://logs/verify"]


def test_a_window_that_has_moved_past_what_was_seen_says_that_lines_are_missing() -> None:
    parts = list(follow([journey("train", ["1", "2"]), journey("train", ["8", "9"])], Shelf()))
    assert [(part.lines, part.missed) for part in parts] == [(["1", "2"], False), (["8", "9"], True)]


def test_a_step_that_came_and_went_between_two_looks_is_given_whole() -> None:
    shelf = Shelf()
    shelf.logs = {"prefetch": ["a"], "prepare": ["b", "c"]}
    assert texts(list(follow([journey("train", ["1"])], shelf))) == [
        "prefetch:a",
        "prepare:b",
        "prepare:c",
        "train:1",
    ]


def test_a_look_that_sees_nothing_new_gives_nothing() -> None:
    assert len(list(follow([journey("train", ["1"]), journey("train", ["1"])], Shelf()))) == 1


LINES = st.lists(st.text("ab", min_size=1, max_size=2), max_size=60)


@given(LINES, st.integers(0, 60))
def test_lines_all_different_are_continued_exactly_where_they_were_left(lines: list[str], cut: int) -> None:
    whole = [f"{n} {line}" for n, line in enumerate(lines)]
    place = place_after(whole[:cut], whole)
    assert whole[place or 0 :] == whole[cut:]


@given(LINES, LINES)
def test_what_comes_after_is_always_an_end_of_what_is_seen(before: list[str], seen: list[str]) -> None:
    place = place_after(before, seen)
    assert place is None or 0 <= place <= len(seen)
    if place is None:
        assert before
        assert before[-1] not in seen
    elif before and seen:
        assert seen[:place][-1] == before[-1] or place == 0

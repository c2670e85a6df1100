"""The report of a run: what it says, what it leaves out and says so, and that a page of it holds nothing that was not escaped."""

import html
import re
from html.parser import HTMLParser

import pytest
from dropforge import pages
from dropforge.domain.journeys import Moment, jobs_of, settle
from dropforge.domain.run_reports import EVENTS, Facts, RunReport, build
from dropforge.domain.spending import price
from dropforge.domain.terms import terms_of
from dropforge.domain.timeline import entry

from tests import builders, reports
from tests.builders import planned


class Tags(HTMLParser):
    """The tags of a page and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


STATES = [reports.succeeded, reports.failed, reports.running, reports.hostile]


@pytest.mark.parametrize("state", STATES)
def test_a_page_loads_nothing_and_runs_nothing(state: object) -> None:
    assert callable(state)
    tags = Tags(pages.render(state())).found
    assert {tag for tag, _ in tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "base",
        "a",
    } == set()
    assert {name for _, attributes in tags for name in attributes} & {
        "src",
        "href",
        "style",
        "srcset",
        "xlink:href",
    } == set()
    assert [name for _, attributes in tags for name in attributes if name.startswith("on")] == []


@pytest.mark.parametrize("state", STATES)
def test_a_report_survives_being_written_and_read_and_its_page_is_the_same(state: object) -> None:
    assert callable(state)
    report = state()
    again = RunReport.model_validate_json(report.model_dump_json())
    assert again == report
    assert pages.render(again) == pages.render(report)


def test_the_policy_of_a_page_names_its_own_style_sheet_and_nothing_else() -> None:
    page = pages.render(reports.succeeded())
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]+)"', page)[0])
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_signs_that_turn_text_around_or_ring_a_bell_are_shown_as_their_names() -> None:
    page = pages.render(reports.hostile())
    assert not set("\u202e\x1b\x07") & set(page)
    assert "\\u202e" in page


def test_a_timeline_is_bounded_and_says_what_it_leaves_out() -> None:
    run = builders.run()
    told = reports.entries(run)
    many = tuple(told[-1].model_copy(update={"at": reports.at(n)}) for n in range(EVENTS + 50))
    journey = reports.journey_of(run, "RUNNING", many, stages=reports.stages("RunSteps", "running"))
    report = build(journey, Facts(), reports.at(999))
    assert (len(report.events), report.events_left_out) == (EVENTS, 50)
    assert (report.events[0].at, report.events[-1].at) == (many[0].at, many[-1].at)
    assert "50 lines in the middle are left out" in pages.render(report)


def test_what_later_attempts_have_added_to_the_timeline_is_not_this_ones() -> None:
    run = builders.run("failed").model_copy(update={"ended_at": reports.at(100)})
    second = reports.entries(run.model_copy(update={"attempt": 2}))
    journey = reports.journey_of(
        run, "FAILED", (*reports.entries(run), *second), stages=reports.stages("RunSteps", "failed")
    )
    assert {entry.attempt for entry in build(journey, Facts(), reports.at(999)).events} == {None, 1}


def test_a_model_that_nobody_evaluated_is_said_to_be_not_evaluated() -> None:
    assert reports.running().evaluated is None
    assert "Not evaluated." in pages.render(reports.running())


def test_an_evaluation_is_shown_with_its_numbers_and_what_they_were_compared_with() -> None:
    page = pages.render(reports.succeeded())
    assert "The model passed the gate. Every model was measured on the same 16 held-out rows." in page
    assert "is 0.55, the incumbent&#39;s 0.6; it must be at most 0.62." in page
    assert re.findall(r'<th scope="col" class="number">(candidate|base|incumbent)</th>', page) == [
        "candidate",
        "incumbent",
        "base",
    ]
    assert (page.count("not measured</td>"), "model-package/zoo--birds/6" in page) == (2, True)
    assert "right</bdi> 9" in page


def judged_of(passed: bool, changed: dict[str, object] | None = None) -> RunReport:
    run = builders.run("failed").model_copy(update={"ended_at": reports.at(2600)})
    said = reports.judged(passed=passed).model_copy(update=changed or {})
    told = (*reports.entries(run), entry(said, reports.at(2500), "gate-model"))
    return build(reports.journey_of(run, "FAILED", told, stages=reports.stages("GateModel", "failed")), Facts(), "")


def test_a_model_that_did_not_pass_names_the_evidence() -> None:
    report = judged_of(False)
    assert report.evaluation.startswith("The model did not pass the gate and is quarantined.")
    assert "quarantine/zoo/birds/1/gate.json" in pages.render(report)


def test_what_the_gate_said_of_another_attempt_is_not_shown_as_this_ones() -> None:
    assert judged_of(True, {"attempt": 0}).evaluated is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"held_out": "none"}, "No rows were held out"),
        ({"numbers": {}}, "Nothing was measured"),
        ({"left_out": 3}, "3 more were too long"),
    ],
)
def test_an_evaluation_says_what_it_does_not_rest_on(changed: dict[str, object], said: str) -> None:
    assert said in judged_of(True, changed).evaluation


def test_a_drop_that_never_became_a_run_has_a_report_of_what_is_known() -> None:
    arrival = builders.arrival(status="rejected")
    journey = reports.journey_of(
        None, "FAILED", (), stages=reports.stages("CheckDataset", "failed"), failure=builders.job_failed()
    )
    report = build(journey.model_copy(update={"arrival": arrival}), Facts(), reports.at(10))
    assert (report.name, report.attempt, report.price, report.summary.state) == (
        builders.EXECUTION,
        None,
        None,
        "rejected",
    )
    assert "No dataset was believed" in pages.render(report)


def test_spent_is_hours_at_work_times_nodes_times_the_price_and_says_so() -> None:
    terms = terms_of(planned()).model_copy(update={"usd_per_hour": 98.32, "nodes": 2})
    run = builders.run().model_copy(update={"price_usd": 589.92})
    jobs = reports.succeeded().jobs
    found = price(run, terms, jobs, reports.BEGIN)
    hours = (40 + 90 + 1500 + 60) / 3600
    assert found.ceiling_usd == 589.92
    assert found.spent_hours == pytest.approx(hours)
    assert found.spent_usd == pytest.approx(hours * 2 * 98.32)
    assert "A node of local.cpu costs $98.32 an hour (table of 2026-11-25)." in found.ceiling_assumes


def test_what_an_attempt_of_an_earlier_version_has_spent_is_unknown_and_not_nothing() -> None:
    assert price(builders.run(), None, (), reports.BEGIN).spent_usd is None


def test_a_job_that_its_execution_ended_with_has_failed_then() -> None:
    moments = [
        Moment(kind="entered", state="SubmitJob", at=1),
        Moment(kind="exited", state="SubmitJob", at=5),
        Moment(kind="entered", state="SubmitJob", at=6),
        Moment(kind="failed", state="", at=9),
    ]
    assert [(job.started, job.ended, job.status) for job in jobs_of(moments)] == [(1, 5, "succeeded"), (6, 9, "failed")]


def test_a_run_whose_model_is_announced_a_moment_before_its_execution_ends_is_over() -> None:
    run = builders.run("succeeded").model_copy(update={"ended_at": reports.at(2530)})
    journey = settle(reports.journey_of(run, "RUNNING", (), stages=reports.stages("RegisterModel", "running")))
    last = journey.stages[-1]
    assert (journey.status, last.status, last.ended) == ("SUCCEEDED", "succeeded", reports.BEGIN + 2530)

"""The incumbent: the newest approved model of the group, chosen once for an attempt, and filled in where a step asks for it."""

import pytest
from dropforge.adapters import incumbents, ledger
from dropforge.domain.approvals import Status
from dropforge.domain.plans import Plan

from tests.builders import planned, recipe, run, step
from tests.contracts.repository import Document
from tests.functions.conftest import Call
from tests.functions.registering import register
from tests.functions.site import DONE, Site

PLAN = planned(by=recipe(step(), step("evaluate", "evaluate", "--incumbent={incumbent}")))
ASKS, ASKS_NOT = PLAN.steps[-1], PLAN.steps[1]


def test_without_an_approved_model_there_is_none() -> None:
    assert incumbents.choose(run(), ASKS) is None
    register("waiting", "PendingManualApproval", "pending")
    register("refused", "Rejected", "rejected")
    assert incumbents.choose(run(attempt=2), ASKS) is None


def test_the_newest_approved_model_is_compared_with() -> None:
    register("old")
    newest = register("new")
    register("waiting", "PendingManualApproval", "pending")
    assert incumbents.choose(run(), ASKS) == newest
    assert newest.key == "exports/zoo/new"


@pytest.mark.parametrize("status", [None, "pending", "rejected"])
def test_what_the_registry_alone_calls_approved_is_no_incumbent(status: Status | None) -> None:
    ours = register("ours")
    register("theirs", "Approved", status)
    assert incumbents.choose(run(), ASKS) == ours


@pytest.mark.parametrize("first", [True, False])
def test_the_first_choice_of_an_attempt_stands(first: bool) -> None:
    chosen = register("first") if first else None
    assert incumbents.choose(run(), ASKS) == chosen
    later = register("later")
    assert incumbents.choose(run(), ASKS) == chosen
    assert (ledger.incumbent_of(run()), incumbents.choose(run(attempt=2), ASKS)) == (chosen, later)


def test_a_step_that_compares_nothing_chooses_nothing() -> None:
    register("first")
    assert incumbents.choose(run(), ASKS_NOT) is None
    assert ledger.incumbent_of(run()) is None


def asking(onsite: Site, name: str) -> Plan:
    plan = onsite.plan(name, DONE)
    asks = plan.steps[-1].model_copy(update={"command": (*plan.steps[-1].command, "--incumbent={incumbent}")})
    return plan.model_copy(update={"steps": (*plan.steps[:-1], asks)})


def command(onsite: Site, name: str) -> list[str]:
    job = onsite.batch.read_namespaced_job(name, onsite.namespace)
    return list(job.spec.template.spec.containers[0].command)


def submission(call: Call, onsite: Site, name: str) -> tuple[Document, list[str]]:
    plan = asking(onsite, name)
    event = onsite.submission(plan, onsite.claim(plan, f"e-{name}"))
    return event, command(onsite, call("submit_job", event)["name"])


def test_a_job_is_told_where_the_incumbent_lies_on_its_file_system(call: Call, onsite: Site) -> None:
    register("good")
    _, said = submission(call, onsite, "compares")
    assert said[-1] == f"--incumbent={onsite.spec.mount_path}/exports/zoo/good"


def test_a_job_without_an_incumbent_is_told_nothing_and_submitted_again_the_same(call: Call, onsite: Site) -> None:
    event, said = submission(call, onsite, "alone")
    register("meanwhile")
    again = command(onsite, call("submit_job", event)["name"])
    assert (said[-1], again) == ("--incumbent=", said)

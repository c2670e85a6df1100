"""The incumbent: the newest approved model of the group, chosen once for an attempt, and filled in where a step asks for it."""

import time

import pytest
from dropforge.adapters import aws, incumbents, ledger, registry
from dropforge.domain.evaluations import Incumbent
from dropforge.domain.models import Package
from dropforge.domain.plans import Plan

from tests.builders import planned, recipe, run, step
from tests.contracts.repository import Document
from tests.functions.conftest import MODELS, Call
from tests.functions.site import DONE, Site

PLAN = planned(by=recipe(step(), step("evaluate", "evaluate", "--incumbent={incumbent}")))
ASKS, ASKS_NOT = PLAN.steps[-1], PLAN.steps[1]


def registered(name: str, status: str = "Approved", bucket: str = MODELS) -> Incumbent:
    uri = f"s3://{bucket}/runs/zoo/{name}/1/model/"
    described = Package(
        uri=uri, image="i", description=name, token=name.ljust(36, "0"), properties={}, card="{}", metrics_uri=uri
    )
    arn = registry.register(registry.ensure_group("zoo", "birds"), described)
    if status != "PendingManualApproval":
        aws.sagemaker().update_model_package(ModelPackageArn=arn, ModelApprovalStatus=status)  # type: ignore[arg-type]
    time.sleep(0.01)  # the registry orders by time
    return Incumbent(arn=arn, uri=uri)


def test_without_an_approved_model_there_is_none() -> None:
    assert incumbents.choose(run(), ASKS) is None
    registered("waiting", "PendingManualApproval")
    registered("refused", "Rejected")
    assert incumbents.choose(run(attempt=2), ASKS) is None


def test_the_newest_approved_model_is_compared_with() -> None:
    registered("old")
    newest = registered("new")
    registered("waiting", "PendingManualApproval")
    assert incumbents.choose(run(), ASKS) == newest
    assert newest.key == "runs/zoo/new/1/model"


def test_a_model_of_another_bucket_is_none_that_a_job_could_open() -> None:
    reachable = registered("ours")
    registered("theirs", bucket="somebody-elses")
    assert incumbents.choose(run(), ASKS) == reachable


@pytest.mark.parametrize("first", [True, False])
def test_the_first_choice_of_an_attempt_stands(first: bool) -> None:
    chosen = registered("first") if first else None
    assert incumbents.choose(run(), ASKS) == chosen
    later = registered("later")
    assert incumbents.choose(run(), ASKS) == chosen
    assert (ledger.incumbent_of(run()), incumbents.choose(run(attempt=2), ASKS)) == (chosen, later)


def test_a_step_that_compares_nothing_chooses_nothing() -> None:
    registered("first")
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
    registered("good")
    _, said = submission(call, onsite, "compares")
    assert said[-1] == f"--incumbent={onsite.spec.mount_path}/runs/zoo/good/1/model"


def test_a_job_without_an_incumbent_is_told_nothing_and_submitted_again_the_same(call: Call, onsite: Site) -> None:
    event, said = submission(call, onsite, "alone")
    registered("meanwhile")
    again = command(onsite, call("submit_job", event)["name"])
    assert (said[-1], again) == ("--incumbent=", said)

"""PreviewRun: what a run would do, said to members alone, of files and of uploads, with or without an answer of the cluster."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from dropforge import naming
from dropforge.adapters import admissions, arrivals, aws, ledger, listings
from dropforge.domain.datasets import Dataset, Files, content_digest
from dropforge.domain.drafts import Draft
from dropforge.domain.failures import failure
from dropforge.domain.plans import Plan
from dropforge.domain.previews import Preview
from dropforge.domain.runs import Run
from dropforge.domain.uploads import Upload, locate, own_folder
from dropforge.domain.values import Value

from tests.builders import CLUSTER, EXECUTION, IMAGE, arrival, dataset, file
from tests.contracts.repository import Document, handler_module
from tests.functions.acting import answered, wish
from tests.functions.conftest import DATASETS, Call, Context

DRAFT = Draft(**dataset().model_dump(include=set(Draft.model_fields)))
STRANGER = "arn:aws:iam::123456789012:user/mallory"


@pytest.fixture(autouse=True)
def facts(account: None, members: str) -> None:
    known: dict[tuple[str, str], Value] = {("images", "cpu-trainer"): IMAGE, ("images", "evaluator"): IMAGE}
    for (nouns, name), fact in known.items():
        write(nouns, name, fact)


def write(nouns: str, name: str, fact: Value) -> None:
    parameter = naming.parameter("test", nouns, name, "spec")
    aws.ssm().put_parameter(Name=parameter, Type="String", Value=fact.model_dump_json(), Overwrite=True)


@pytest.fixture
def far(facts: None) -> None:
    """A cluster that EKS knows nothing of."""
    write("clusters", "research", CLUSTER)


def ask(caller: str, **asked: Any) -> tuple[int, Document]:
    body = {"project": "zoo", "dataset": "birds", **asked}
    event = {"requestContext": {"authorizer": {"iam": {"userArn": caller}}}, "body": json.dumps(body)}
    return answered(handler_module("preview_run").handler(event, Context()))


def preview(caller: str, **asked: Any) -> Preview:
    status, answer = ask(caller, **asked)
    assert status == 200, answer
    return Preview.model_validate(answer)


def of_file(caller: str, **run: Any) -> Preview:
    return preview(caller, draft=DRAFT.model_dump(), run=run)


def test_a_file_that_is_not_uploaded_gets_the_plan_of_its_upload(members: str, call: Call, far: None) -> None:
    found = of_file(members, parameters={"steps": 7})
    plan = call("plan_run", {"dataset": dataset().model_dump(mode="json"), "run": {"parameters": {"steps": 7}}})
    assert (found.identity, found.run_id, found.image) == (plan["identity"], plan["run_id"], IMAGE.uri)
    assert [one.step.model_dump(mode="json") for one in found.steps] == plan["steps"]
    assert (found.uploaded, found.rows, found.parameters["steps"]) == (False, 400, 7)


def test_asking_again_gives_the_same_answer_and_writes_nothing(
    members: str, far: None, announced: Callable[[], list[tuple[str, Document]]]
) -> None:
    before = aws.dynamodb().scan(TableName="dropforge-test-ledger")["Count"]
    assert of_file(members) == of_file(members)
    assert (aws.dynamodb().scan(TableName="dropforge-test-ledger")["Count"], before, announced()) == (0, 0, [])


def test_a_stranger_is_told_nothing(far: None) -> None:
    status, answer = ask(STRANGER, draft=DRAFT.model_dump())
    assert (status, answer["code"]) == (400, "NotAMember")


def test_a_project_that_nobody_has_onboarded_is_named(members: str, far: None) -> None:
    status, answer = ask(members, project="farm", draft=DRAFT.model_dump())
    assert (status, answer["code"]) == (404, "ProjectNotOnboarded")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"recipe": "cpu-lra"}, "UnknownRecipe"),
        ({"recpie": "x"}, "BadRunRequest"),
        ({"parameters": {"steps": 0}}, "BadRunRequest"),
        ({"compute": {"instance_type": "ml.p5.48xlarge"}}, "InstanceTypeNotAllowed"),
        ({"recipe": "cpu-dpo"}, "WrongKind"),
    ],
)
def test_what_plan_run_would_refuse_is_refused(members: str, far: None, asked: Document, code: str) -> None:
    status, answer = ask(members, draft=DRAFT.model_dump(), run=asked)
    assert (status, answer["code"]) == (400, code)


def test_the_projects_defaults_are_below_the_request(members: str, far: None) -> None:
    aws.s3().put_object(Bucket=DATASETS, Key="datasets/zoo/run.yaml", Body=b"parameters: {steps: 6, rank: 16}\n")
    found = of_file(members, parameters={"steps": 7})
    assert (found.parameters["steps"], found.parameters["rank"]) == (7, 16)


def test_a_cluster_that_cannot_be_asked_leaves_the_plan_and_its_reason(members: str, far: None) -> None:
    found = of_file(members)
    assert {one.fit.answer for one in found.steps} == {found.fit.answer} == {"unknown"}
    assert "no EKS cluster `research-eks`" in found.fit.why
    assert (found.works, found.price.most_usd) == (True, 0)


def uploaded(name: str = "birds", version: str = "v1") -> Dataset:
    """A dataset that CheckDataset has believed."""
    drop = Upload(bucket=DATASETS, key=f"datasets/zoo/{name}/train.jsonl", version_id=version)
    where = locate(drop.key)
    assert where is not None
    listed = Files(range_bytes=10, files=(file(content=f"{name} {version}"),))
    listing = listings.write(DATASETS, own_folder(drop, where) + "files.json", listed)
    found = dataset(name=name, drop=drop).model_copy(
        update={"digest": content_digest(listed.files), "listing": listing}
    )
    ledger.bind_upload(heard_of(found))
    ledger.record_dataset(found)
    ledger.record_latest(heard_of(found), f"2026-01-0{version[-1]}T00:00:00Z")
    return found


def heard_of(found: Dataset) -> Any:
    at = f"2026-01-0{found.upload.version_id[-1]}T00:00:00.000Z"
    of = {"upload": found.upload, "dataset": found.name, "status": "ready", "at": at}
    return arrival(f"e-{found.name}-{found.upload.version_id}").model_copy(update=of)


def test_an_uploaded_dataset_is_found_by_its_name_its_version_or_its_key(members: str, far: None) -> None:
    first, second = uploaded(version="v1"), uploaded(version="v2")
    assert preview(members).dataset_id == second.id
    assert preview(members, key=first.upload.key).dataset_id == second.id
    found = preview(members, version=first.digest[:12])
    assert (found.dataset_id, found.uploaded) == (first.id, True)


def test_what_was_recalled_is_not_planned_until_that_is_lifted(members: str, far: None) -> None:
    found = uploaded()
    assert wish("recall_dataset", members, subject="zoo/birds", reason="wrong")[0] == 200
    status, answer = ask(members)
    assert (status, answer["code"]) == (409, "DatasetRecalled")
    assert wish("recall_dataset", members, subject="zoo/birds", reason="right", lift=True)[0] == 200
    assert preview(members).dataset_id == found.id


@pytest.mark.parametrize("asked", [{}, {"version": "0" * 12}, {"key": "datasets/zoo/birds/train.jsonl"}])
def test_a_dataset_that_nobody_has_uploaded_is_unknown(members: str, far: None, asked: Document) -> None:
    status, answer = ask(members, **asked)
    assert (status, answer["code"]) == (404, "UploadUnknown")


def test_an_upload_that_is_still_being_read_is_not_ready(members: str, far: None) -> None:
    ledger.bind_upload(arrival())
    status, answer = ask(members, key=arrival().upload.key)
    assert (status, answer["code"]) == (409, "UploadUnread")


def test_a_rejected_upload_says_why(members: str, far: None) -> None:
    ledger.bind_upload(arrival())
    why = failure("DatasetRejected", "line 3 is no JSON")
    assert ledger.record_arrival(arrival().model_copy(update={"status": "rejected", "failure": why}))
    status, answer = ask(members, key=arrival().upload.key)
    assert (status, answer["code"], answer["why"]) == (400, "DatasetRejected", "line 3 is no JSON")


def admitted(found: Preview, call: Call) -> Run:
    """The run that was previewed, held by an execution."""
    plan = call("plan_run", {"dataset": dataset().model_dump(mode="json"), "run": {"parameters": found.parameters}})
    ledger.bind_upload(arrival())
    run = admissions.claim(Plan.model_validate(plan), dataset(), EXECUTION).run
    arrivals.advance(run.upload, run.execution, "running", run.id)
    return run


def test_a_run_that_exists_is_joined_and_then_reused_with_its_model(members: str, far: None, call: Call) -> None:
    run = admitted(of_file(members), call)
    assert (of_file(members).reuse.answer, of_file(members).reuse.run_id) == ("joins", run.id)
    assert ledger.end(run.model_copy(update={"status": "succeeded", "model_arn": "arn:model"}))
    found = of_file(members)
    assert (found.reuse.answer, found.reuse.model_arn, found.fit.answer) == ("reused", "arn:model", "now")
    assert (found.price.most_usd, found.works) == (0, True)


def test_another_request_says_what_differs_from_the_newest_run(members: str, far: None, call: Call) -> None:
    run = admitted(of_file(members), call)
    reuse = of_file(members, parameters={"steps": 7}).reuse
    assert (reuse.answer, reuse.compared_with) == ("new", run.id)
    assert [(one.field, one.before, one.now) for one in reuse.differences] == [("parameters.steps", "60", "7")]

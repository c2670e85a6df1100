"""Approvals: decided once, by who may, to what was seen; carried out whoever dies, and expired when nobody decides."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from dropforge.adapters import admissions, approvals, aws, ledger, table
from dropforge.domain.approvals import Approval
from dropforge.domain.requests import Promotion
from dropforge.domain.runs import Run
from dropforge.errors import Unavailable

from tests import builders
from tests.builders import EXECUTION, arrival, dataset
from tests.contracts.repository import Document
from tests.functions.acting import wish
from tests.functions.conftest import MODELS, Call
from tests.functions.registering import drop, package, to_register
from tests.functions.sweeping import dead_letters, sweep
from tests.functions.wires import ACCOUNT, answering, body_of, refusing, reply

pytestmark = pytest.mark.usefixtures("registry")

GRACE, ADA, MALLORY = (f"arn:aws:iam::{ACCOUNT}:user/{name}" for name in ("grace", "ada", "mallory"))
Announced = Callable[[], list[tuple[str, Document]]]
Tokens = list[tuple[str, Document]]


@pytest.fixture(autouse=True)
def project() -> None:
    who = {"members": (ADA,), "approvers": (GRACE, ADA)}
    spec = builders.PROJECT.model_copy(update=who).model_dump_json()
    aws.ssm().put_parameter(Name="/dropforge/test/projects/zoo/spec", Value=spec, Type="String")
    bucket = builders.checkpoint().uri.removeprefix("s3://").partition("/")[0]
    aws.s3().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})


@pytest.fixture(autouse=True)
def tokens() -> Iterator[Tokens]:
    """What Step Functions hears of task tokens."""
    heard: Tokens = []

    def answer(request):  # type: ignore[no-untyped-def]
        body = body_of(request)
        heard.append((body["taskToken"], json.loads(body["output"])))
        return reply(request, {})

    with answering(aws.stepfunctions(), "SendTaskSuccess", answer):
        yield heard


def asked(call: Call, approval: str = "manual", token: str = "token-1", *, recalled: str = "") -> Run:
    """A run whose model was registered and is asked for."""
    plan = builders.planned()
    promotion = Promotion.model_validate({"approval": approval})
    plan = plan.model_copy(update={"request": plan.request.model_copy(update={"promotion": promotion})})
    if ledger.run(plan.run_id) is None:
        ledger.bind_upload(arrival())
        admissions.claim(plan, dataset(), EXECUTION)
    run = ledger.run(plan.run_id)
    assert run is not None
    model = call("register_model", to_register(run))
    if recalled:
        assert wish("recall_dataset", ADA, subject=recalled, reason="wrong labels")[0] == 200
    call(
        "request_approval",
        {"plan": plan.model_dump(mode="json"), "run": run.model_dump(mode="json"), "model": model, "token": token},
    )
    return run


def approval(run: Run) -> Approval:
    found = approvals.of_run(run.id)
    assert found is not None
    return found


def decide(run: Run, caller: str = GRACE, **said: str) -> tuple[int, Document]:
    return wish("approve_model", caller, **{"run": run.id, "shown": approval(run).shown, "reason": "fine", **said})


def status(run: Run) -> tuple[str, str]:
    """What the registry says of a run's package."""
    found = package(approval(run).model.arn)
    return found["ModelApprovalStatus"], found.get("ApprovalDescription", "")


def test_a_yes_is_written_everywhere_once(call: Call, tokens: Tokens, announced: Announced) -> None:
    run = asked(call)
    assert (tokens, status(run)[0]) == ([], "PendingManualApproval")
    assert [decide(run)[1]["status"] for _ in range(2)] == ["approved", "approved"]
    assert status(run) == ("Approved", f"{GRACE}: fine")
    assert {(token, model["approval"], model["approved_by"]) for token, model in tokens} == {
        ("token-1", "approved", GRACE)
    }
    key = f"runs/zoo/{run.id}/1/approval.json"
    record = json.loads(aws.s3().get_object(Bucket=MODELS, Key=key)["Body"].read())
    assert (record["status"], record["decided_by"], record["shown"]) == ("approved", GRACE, approval(run).shown)
    kinds = [kind for kind, _ in announced()]
    assert kinds.count("ApprovalRequested") == 1
    assert "ApprovalDecided" in kinds
    assert list(table.query("APPROVAL", "", approvals.Open)) == []


def test_a_member_who_approves_too_does_not_decide_unless_the_project_says_so(call: Call) -> None:
    run = asked(call)
    assert decide(run, ADA)[1]["code"] == "OwnRun"
    assert decide(run, MALLORY)[1]["code"] == "NotAnApprover"
    assert approval(run).status == "pending"
    spec = builders.PROJECT.model_copy(update={"members": (ADA,), "approvers": (ADA,), "self_approval": True})
    name = "/dropforge/test/projects/zoo/spec"
    aws.ssm().put_parameter(Name=name, Value=spec.model_dump_json(), Type="String", Overwrite=True)
    assert decide(run, ADA)[1]["status"] == "approved"


@pytest.mark.parametrize("changed", ["container", "property", "file"])
def test_what_changes_before_the_yes_makes_it_void(call: Call, changed: str) -> None:
    run = asked(call)
    seen, arn = approval(run).shown, approval(run).model.arn
    if changed == "container":
        specification: Any = {**package(arn)["InferenceSpecification"]}
        specification["Containers"] = [{**specification["Containers"][0], "Image": "registry.example/other:1"}]
        aws.sagemaker().update_model_package(ModelPackageArn=arn, InferenceSpecification=specification)
    elif changed == "property":
        aws.sagemaker().update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"loss_after": "0.000001"})
    else:
        bucket, _, prefix = approval(run).model.uri.removeprefix("s3://").partition("/")
        aws.s3().put_object(Bucket=bucket, Key=f"{prefix}more.json", Body=b"{}")
    refused = decide(run, shown=seen)[1]
    assert (refused["code"], status(run)[0], approval(run).status) == (
        "ApprovalVoid",
        "PendingManualApproval",
        "pending",
    )
    assert approval(run).shown != seen
    assert decide(run)[1]["status"] == "approved"


def test_a_mark_of_ours_is_no_change(call: Call) -> None:
    run = asked(call)
    arn = approval(run).model.arn
    aws.sagemaker().update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"recalled": "since then"})
    assert decide(run)[1]["status"] == "approved"


def test_the_policy_takes_the_same_road_and_asked_again_it_answers_the_new_token(call: Call, tokens: Tokens) -> None:
    run = asked(call, "automatic")
    assert (approval(run).status, approval(run).decided_by) == ("approved", "policy")
    asked(call, "automatic", "token-2")
    assert [token for token, _ in tokens] == ["token-1", "token-2"]


def test_a_decision_whose_function_died_is_carried_out_by_the_sweep(
    call: Call, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letters(monkeypatch)
    run = asked(call)
    with refusing(aws.sagemaker(), "UpdateModelPackage", "ThrottlingException", 99):
        assert decide(run)[1]["code"] == "AwsBusy"
    assert (approval(run).status, status(run)[0], tokens) == ("approved", "PendingManualApproval", [])
    assert sweep(call)["approvals"] == 1
    assert (status(run)[0], [token for token, _ in tokens]) == ("Approved", ["token-1"])
    assert sweep(call)["approvals"] == 0


def test_what_nobody_decides_expires(call: Call, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_letters(monkeypatch)
    run = asked(call)
    assert sweep(call)["approvals"] == 0
    assert sweep(call, 15 * 24)["approvals"] == 1
    assert (approval(run).status, status(run)[0], tokens[0][1]["approval"]) == ("expired", "Rejected", "expired")
    assert decide(run)[1]["code"] == "ApprovalOver"


def heard(call: Call, run: Run, word: str) -> Document:
    """Somebody writes a decision into the registry, and its event arrives."""
    arn = approval(run).model.arn
    aws.sagemaker().update_model_package(ModelPackageArn=arn, ModelApprovalStatus=word)  # type: ignore[arg-type]
    return hear(call, run)


def hear(call: Call, run: Run) -> Document:
    """The event of a change arrives, perhaps late: what counts is what the registry says by then."""
    return call("receive_approval", {"detail": {"ModelPackageArn": approval(run).model.arn}})


def test_a_yes_in_the_registry_by_who_may_not_is_set_right(call: Call) -> None:
    run = asked(call)
    assert heard(call, run, "Approved")["status"] == "pending"
    assert (status(run)[0], approval(run).status) == ("PendingManualApproval", "pending")
    assert "may not approve it" in status(run)[1]


def test_a_no_in_the_registry_stands_also_after_a_yes(call: Call, tokens: Tokens) -> None:
    run = asked(call)
    decide(run)
    assert heard(call, run, "Approved")["status"] == ""
    assert heard(call, run, "Rejected")["status"] == "rejected"
    assert (approval(run).status, status(run)[0]) == ("rejected", "Rejected")
    assert heard(call, run, "Approved")["status"] == "rejected"
    assert status(run)[0] == "Rejected"


def test_a_recalled_model_is_approved_by_nobody_on_any_road(call: Call) -> None:
    drop()
    run = asked(call)
    said = {"subject": run.dataset_id, "reason": "wrong labels"}
    assert wish("recall_dataset", ADA, **said)[0] == 200
    assert decide(run)[1]["code"] == "DatasetRecalled"
    heard(call, run, "Approved")
    assert status(run)[0] == "Rejected"
    assert wish("recall_dataset", ADA, **said, lift=True)[0] == 200
    assert decide(run)[1]["status"] == "approved"


def test_a_yes_that_is_carried_out_after_a_recall_does_not_undo_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_letters(monkeypatch)
    drop()
    run = asked(call)
    with refusing(aws.sagemaker(), "UpdateModelPackage", "ThrottlingException", 99):
        decide(run)
    assert wish("recall_dataset", ADA, subject=run.dataset_id, reason="wrong labels")[0] == 200
    assert sweep(call)["approvals"] == 1
    assert (approval(run).status, status(run)[0]) == ("approved", "Rejected")


def recall(run: Run, *, lift: bool = False) -> None:
    assert wish("recall_dataset", ADA, subject=run.dataset_id, reason="wrong labels", lift=lift)[0] == 200


def test_a_recalled_model_that_somebody_approves_in_studio_is_restored_when_the_recall_is_lifted(call: Call) -> None:
    drop()
    run = asked(call)
    decide(run)
    recall(run)
    assert heard(call, run, "Approved")["status"] == "approved"
    assert status(run) == ("Rejected", f"Recalled by {ADA}: wrong labels")
    recall(run, lift=True)
    assert status(run) == ("Approved", f"{GRACE}: fine")


def test_a_recalls_own_event_that_arrives_while_it_is_lifted_takes_no_approval_back(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop()
    run = asked(call)
    decide(run)
    recall(run)
    with refusing(aws.sagemaker(), "UpdateModelPackage", "ThrottlingException", 99):
        wish("recall_dataset", ADA, subject=run.dataset_id, reason="all is well", lift=True)
    assert (hear(call, run)["status"], approval(run).status, status(run)[0]) == ("", "approved", "Rejected")
    recall(run, lift=True)
    assert status(run) == ("Approved", f"{GRACE}: fine")


def test_what_was_decided_before_a_recall_and_not_written_is_written_when_it_is_lifted(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letters(monkeypatch)
    drop()
    run = asked(call)
    with refusing(aws.sagemaker(), "UpdateModelPackage", "ThrottlingException", 99):
        decide(run)
    recall(run)
    sweep(call)
    assert status(run)[0] == "Rejected"
    recall(run, lift=True)
    assert status(run) == ("Approved", f"{GRACE}: fine")


def test_the_policy_says_yes_to_nothing_that_is_recalled(call: Call, tokens: Tokens) -> None:
    birds = drop()
    spec = builders.PROJECT.model_copy(update={"members": (ADA,), "approvers": (GRACE,), "automatic_approval": True})
    name = "/dropforge/test/projects/zoo/spec"
    aws.ssm().put_parameter(Name=name, Value=spec.model_dump_json(), Type="String", Overwrite=True)
    run = asked(call, "automatic", recalled=birds.id)
    assert (approval(run).status, approval(run).waits_for_people, tokens) == ("pending", True, [])
    recall(run, lift=True)
    assert decide(run)[1]["status"] == "approved"


def test_a_no_that_stands_in_the_registry_is_stronger_than_a_yes_that_was_not_written_yet(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letters(monkeypatch)
    run = asked(call)
    with refusing(aws.sagemaker(), "UpdateModelPackage", "ThrottlingException", 99):
        decide(run)
    aws.sagemaker().update_model_package(ModelPackageArn=approval(run).model.arn, ModelApprovalStatus="Rejected")
    assert sweep(call)["approvals"] == 1
    assert (approval(run).status, status(run)[0]) == ("rejected", "Rejected")


def test_a_yes_is_heard_whatever_the_packages_properties_say(call: Call) -> None:
    run = asked(call)
    arn = approval(run).model.arn
    aws.sagemaker().update_model_package(ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["run"])
    assert heard(call, run, "Approved") == {"run_id": run.id, "status": "pending"}
    assert status(run)[0] == "PendingManualApproval"


def test_a_request_whose_function_died_before_it_was_written_is_made_by_the_sweep(
    call: Call, announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_letters(monkeypatch)
    with refusing(aws.sagemaker(), "DescribeModelPackage", "ThrottlingException", 99), pytest.raises(Unavailable):
        asked(call)
    (left,) = approvals.left_open()
    assert approvals.of_run(left.run_id) is None
    announced()
    assert sweep(call)["approvals"] == 1
    assert [kind for kind, _ in announced()] == ["ApprovalRequested"]
    run = ledger.run(left.run_id)
    assert run is not None
    assert decide(run)[1]["status"] == "approved"


def test_an_approver_in_another_session_is_the_same_person(call: Call) -> None:
    roles = [f"arn:aws:sts::{ACCOUNT}:assumed-role/approvers/{session}" for session in ("monday", "tuesday")]
    spec = builders.PROJECT.model_copy(update={"approvers": (f"arn:aws:iam::{ACCOUNT}:role/approvers",)})
    name = "/dropforge/test/projects/zoo/spec"
    aws.ssm().put_parameter(Name=name, Value=spec.model_dump_json(), Type="String", Overwrite=True)
    run = asked(call)
    assert [decide(run, role)[1]["status"] for role in roles] == ["approved", "approved"]


def test_asking_anew_leaves_the_request_no_longer_open_than_the_state_that_waits(call: Call) -> None:
    run = asked(call)
    until, bucket_key = approval(run).expires_at, approval(run).model.uri.removeprefix("s3://").partition("/")
    aws.s3().put_object(Bucket=bucket_key[0], Key=f"{bucket_key[2]}more.json", Body=b"{}")
    assert decide(run)[1]["code"] == "ApprovalVoid"
    assert approval(run).expires_at == until


def test_events_of_packages_that_are_not_ours_start_nothing(call: Call) -> None:
    arn = "arn:aws:sagemaker:eu-central-1:123456789012:model-package/theirs/1"
    assert call("receive_approval", {"detail": {"ModelPackageArn": arn}})["status"] == ""

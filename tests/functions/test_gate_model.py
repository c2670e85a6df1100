"""GateModel: what does not pass is quarantined with its evidence, and the same numbers give the same verdict again."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from dropforge.adapters import aws, ledger
from dropforge.domain.checkpoints import Verified
from dropforge.domain.evaluations import Evaluation, Incumbent
from dropforge.domain.requests import EvaluationGate
from dropforge.errors import Problem, WorkloadFailed

from tests.builders import checkpoint, evaluation, planned, recipe, run, step
from tests.contracts.repository import Document
from tests.domain.test_promotions import adapter
from tests.functions.conftest import MODELS, Call
from tests.functions.promoted import promote, to_verify
from tests.functions.registering import register

Announced = Callable[[], list[tuple[str, Document]]]
MEASURING = recipe(step(), step("evaluate", "evaluate").model_copy(update={"measures": {"loss": "lower"}}))
INCUMBENT = Incumbent(
    arn="arn:aws:sagemaker:eu-central-1:123456789012:model-package/zoo--birds/3", uri=f"s3://{MODELS}/a/"
)
KEY = f"quarantine/zoo/{run().id}/1/gate.json"


def to_gate(asked: dict[str, Any] | None = None, attempt: int = 1) -> Document:
    plan = planned(by=MEASURING)
    gate = EvaluationGate.model_validate(asked or {})
    plan = plan.model_copy(update={"request": plan.request.model_copy(update={"evaluation": gate})})
    values = {"plan": plan, "run": run(attempt=attempt), "checkpoint": checkpoint()}
    return {name: value.model_dump(mode="json") for name, value in values.items()}


def measured(found: Evaluation | None, incumbent: Incumbent | None = None) -> None:
    """What VerifyCheckpoint has written down."""
    ledger.record_verified(
        run().id, Verified(attempt=1, checkpoint=checkpoint(), evaluation=found, incumbent=incumbent)
    )


def below(limit: float) -> dict[str, Any]:
    return {"require": {"loss": {"below": limit}}}


def evidence(key: str = KEY) -> Document:
    found: Document = json.loads(aws.s3().get_object(Bucket=MODELS, Key=key)["Body"].read())
    return found


def quarantined() -> list[str]:
    listed = aws.s3().list_objects_v2(Bucket=MODELS, Prefix="quarantine/")
    return [entry["Key"] for entry in listed.get("Contents", [])]


def test_a_model_that_is_good_enough_passes_and_it_is_told_with_its_numbers(call: Call, announced: Announced) -> None:
    measured(evaluation(loss=1.2))
    verdict = call("gate_model", to_gate(below(1.8)))
    ((kind, told),) = announced()
    assert (verdict["passed"], verdict["evidence_uri"], quarantined()) == (True, "", [])
    assert (kind, told["passed"], told["numbers"]) == ("ModelEvaluated", True, {"candidate": {"loss": 1.2}})
    assert [one["outcome"] for one in told["comparisons"]] == ["met", "not compared"]


def test_a_model_that_is_not_is_quarantined_with_the_evidence_and_registered_nowhere(
    call: Call, announced: Announced
) -> None:
    incumbent = register("before")
    measured(evaluation(loss=2.5, incumbent={"loss": 1.5}), incumbent)
    with pytest.raises(WorkloadFailed) as raised:
        call("gate_model", to_gate(below(1.8)))
    failure, found = raised.value.failure, evidence()
    assert (failure.code, failure.whose, failure.evidence["evidence_uri"]) == (
        "GateNotMet",
        "you",
        f"s3://{MODELS}/{KEY}",
    )
    assert "`loss` is 2.5; it must be below 1.8." in failure.why
    assert "`loss` is 2.5, the incumbent's 1.5; it must be at most 1.52." in failure.why
    assert found["checkpoint"] == checkpoint().model_dump(mode="json")
    assert (found["verdict"]["passed"], found["verdict"]["incumbent"]["arn"]) == (False, incumbent.arn)
    ((kind, told),) = announced()
    assert (kind, told["passed"], told["evidence_uri"]) == ("ModelEvaluated", False, f"s3://{MODELS}/{KEY}")


def test_an_incumbent_that_is_approved_no_more_judges_nobody(call: Call) -> None:
    incumbent = register("before", "Rejected")
    measured(evaluation(loss=2.5, incumbent={"loss": 1.5}), incumbent)
    verdict = call("gate_model", to_gate())
    assert (verdict["passed"], [one["outcome"] for one in verdict["comparisons"]]) == (True, ["not compared"])


def test_a_required_number_that_is_missing_is_quarantined_under_its_own_code(call: Call) -> None:
    measured(evaluation(exact_match=1.0))
    with pytest.raises(WorkloadFailed) as raised:
        call("gate_model", to_gate(below(1.8)))
    assert raised.value.failure.code == "GateNumberMissing"
    assert evidence()["verdict"]["comparisons"][0]["outcome"] == "missing"


def test_a_run_of_which_nothing_was_measured_passes_only_when_nothing_is_required(call: Call) -> None:
    measured(None)
    assert call("gate_model", to_gate())["passed"]
    with pytest.raises(WorkloadFailed, match="GateNumberMissing"):
        call("gate_model", to_gate(below(1.8)))


def test_the_same_numbers_again_write_the_same_evidence_and_tell_the_timeline_once(call: Call) -> None:
    measured(evaluation(loss=2.5))
    found = []
    for _ in range(2):
        with pytest.raises(WorkloadFailed) as raised:
            call("gate_model", to_gate(below(1.8)))
        found.append((raised.value.failure, evidence()))
    assert found[0] == found[1]
    told = [line for line in ledger.entries(f"RUN#{run().id}") if line.what == "ModelEvaluated"]
    assert len(told) == 1


def test_the_next_attempt_is_judged_by_the_numbers_of_the_one_that_measured(call: Call) -> None:
    measured(evaluation(loss=2.5))
    with pytest.raises(WorkloadFailed, match="GateNotMet"):
        call("gate_model", to_gate(below(1.8), attempt=2))
    assert evidence(KEY.replace("/1/", "/2/"))["attempt"] == 2
    assert call("gate_model", to_gate(below(2.6), attempt=3))["passed"]


def test_numbers_of_another_checkpoint_count_for_nothing(call: Call) -> None:
    other = checkpoint().model_copy(update={"digest": "d" * 64})
    ledger.record_verified(run().id, Verified(attempt=1, checkpoint=other, evaluation=evaluation(loss=0.1)))
    with pytest.raises(WorkloadFailed, match="GateNumberMissing"):
        call("gate_model", to_gate(below(1.8)))


def test_verify_checkpoint_keeps_what_was_measured_beside_the_checkpoint(call: Call) -> None:
    folder = promote(adapter(), run())
    found = evaluation(loss=1.5, incumbent={"loss": 1.6}, digest=folder.digest)
    ledger.choose_incumbent(run(), INCUMBENT)
    event = to_verify(run(), folder.digest)
    job = {**event["jobs"][0], "message": {"step": "evaluate", "ok": True, "evaluation": found.model_dump(mode="json")}}
    call("verify_checkpoint", {**event, "jobs": [job, *event["jobs"]]})
    verified = ledger.verified(run().id)
    assert verified is not None
    assert (verified.evaluation, verified.incumbent) == (found, INCUMBENT)


def test_an_evaluation_that_cannot_be_read_ends_the_run(call: Call) -> None:
    folder = promote(adapter(), run())
    event = to_verify(run(), folder.digest)
    event["jobs"][0]["message"]["evaluation"] = {"loss": 1}
    with pytest.raises(Problem, match="EvaluationUnreadable"):
        call("verify_checkpoint", event)

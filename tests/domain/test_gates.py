"""The gate: what was asked for must have been measured, and must be good enough."""

from typing import Any

import pytest
from dropforge.domain.evaluations import Evaluation, Incumbent, read_evaluation
from dropforge.domain.gates import check, judge, objection, quarantine_key
from dropforge.domain.requests import EvaluationGate, read_request
from dropforge.domain.verdicts import Verdict
from dropforge.errors import InvalidInput, WorkloadFailed

from tests.builders import dataset, evaluation, planned, recipe, request, step

DIGEST = "c" * 64
MEASURES: dict[str, Any] = {"loss": "lower", "exact_match": "higher", "training_loss": "lower"}
INCUMBENT = Incumbent(
    arn="arn:aws:sagemaker:eu-central-1:123456789012:model-package/zoo--birds/3", uri="s3://models/runs/zoo/a/1/model/"
)


def gate(**asked: object) -> EvaluationGate:
    return EvaluationGate.model_validate(asked)


def verdict(asked: EvaluationGate, measured: Evaluation | None, incumbent: Incumbent | None = None) -> Verdict:
    return judge(asked, MEASURES, measured, incumbent, DIGEST)


def outcomes(found: Verdict) -> list[tuple[str, str, str]]:
    return [(one.number, one.against, one.outcome) for one in found.comparisons]


@pytest.mark.parametrize(
    ("bound", "loss", "outcome"),
    [
        ({"below": 1.8}, 1.79, "met"),
        ({"below": 1.8}, 1.8, "missed"),
        ({"above": 0.5}, 0.51, "met"),
        ({"above": 0.5}, 0.5, "missed"),
    ],
)
def test_a_required_number_must_be_on_its_side_of_the_limit(bound: dict[str, float], loss: float, outcome: str) -> None:
    found = verdict(gate(require={"loss": bound}, against_incumbent={}), evaluation(loss=loss))
    assert outcomes(found) == [("loss", "requirement", outcome)]
    assert found.passed == (outcome == "met")


def test_both_limits_of_a_number_are_compared() -> None:
    found = verdict(gate(require={"loss": {"below": 1.0, "above": 0.5}}, against_incumbent={}), evaluation(loss=2.0))
    assert [one.outcome for one in found.comparisons] == ["missed", "met"]


@pytest.mark.parametrize("measured", [None, evaluation(exact_match=1.0)])
def test_a_required_number_that_was_not_measured_is_an_objection_with_its_own_code(measured: Evaluation | None) -> None:
    found = verdict(gate(require={"loss": {"below": 1.8}}), measured)
    assert (found.passed, [one.outcome for one in found.objections]) == (False, ["missing"])
    assert objection(found).failure.code == "GateNumberMissing"
    assert objection(found).failure.why == "`loss` was not measured; it must be below 1.8."


def test_what_is_missed_is_said_before_what_is_missing() -> None:
    asked = gate(require={"loss": {"below": 1.8}, "exact_match": {"above": 0.5}})
    failure = objection(verdict(asked, evaluation(loss=2.0))).failure
    assert (failure.code, failure.why) == ("GateNotMet", "`loss` is 2; it must be below 1.8.")


def test_nothing_that_was_measured_passes_when_nothing_was_asked_for() -> None:
    found = verdict(gate(), evaluation(loss=9.0))
    assert (found.passed, outcomes(found)) == (True, [("loss", "incumbent", "not compared")])
    assert (
        found.comparisons[0].why == "`loss` was not compared with an incumbent: no model of this group is approved yet."
    )


@pytest.mark.parametrize(("loss", "passed"), [(1.51, True), (1.49, True), (1.53, False)])
def test_without_a_policy_a_model_may_be_a_little_worse_than_the_incumbent(loss: float, passed: bool) -> None:
    found = verdict(gate(), evaluation(loss=loss, incumbent={"loss": 1.5}), INCUMBENT)
    assert found.passed == passed
    assert (found.comparisons[0].reference, found.comparisons[0].limit) == (1.5, 1.52)
    assert found.incumbent == INCUMBENT


@pytest.mark.parametrize(("matched", "passed"), [(0.75, True), (0.7, True), (0.69, False)])
def test_where_higher_is_better_the_margin_lies_below_the_incumbent(matched: float, passed: bool) -> None:
    asked = gate(against_incumbent={"exact_match": {"at_most_worse_by": 0.05}})
    found = verdict(asked, evaluation(exact_match=matched, incumbent={"exact_match": 0.75}), INCUMBENT)
    assert found.passed == passed


def test_an_empty_policy_compares_nothing() -> None:
    found = verdict(gate(against_incumbent={}), evaluation(loss=9.0, incumbent={"loss": 0.1}), INCUMBENT)
    assert (found.passed, found.comparisons) == (True, ())


def test_a_policy_that_was_asked_for_fails_when_the_number_was_not_measured() -> None:
    asked = gate(against_incumbent={"exact_match": {"at_most_worse_by": 0}})
    found = verdict(asked, evaluation(loss=1.0, incumbent={"loss": 1.0}), INCUMBENT)
    assert objection(found).failure.code == "GateNumberMissing"
    assert verdict(asked, evaluation(loss=1.0)).passed  # the first model of a group


def test_numbers_per_token_are_not_compared_between_two_tokenizers() -> None:
    measured = evaluation(loss=9.0, incumbent={"loss": 0.1}, tokens={"incumbent": 7})
    found = verdict(gate(), measured, INCUMBENT)
    assert (found.passed, "different tokens" in found.comparisons[0].why) == (True, True)
    asked = gate(against_incumbent={"loss": {"at_most_worse_by": 0.02}})
    assert not verdict(asked, measured, INCUMBENT).passed


def test_an_incumbent_that_nobody_chose_is_not_compared_with() -> None:
    found = verdict(gate(), evaluation(loss=9.0, incumbent={"loss": 0.1}))
    assert (found.passed, found.comparisons[0].outcome, found.incumbent) == (True, "not compared", None)


def test_an_evaluation_that_leaves_the_chosen_incumbent_out_fails() -> None:
    with pytest.raises(WorkloadFailed) as raised:
        verdict(gate(), evaluation(loss=1.0), INCUMBENT)
    assert (raised.value.failure.code, INCUMBENT.arn in raised.value.failure.why) == ("EvaluationMismatch", True)


@pytest.mark.parametrize("measured", [evaluation(digest="d" * 64, loss=1.0), Evaluation(held_out="none", models=())])
def test_numbers_of_another_checkpoint_are_not_this_ones(measured: Evaluation) -> None:
    with pytest.raises(WorkloadFailed) as raised:
        verdict(gate(), measured)
    assert raised.value.failure.code == "EvaluationMismatch"


def test_the_newest_evaluation_among_the_jobs_counts_and_others_messages_hold_none() -> None:
    first, last = evaluation(loss=1.0), evaluation(loss=2.0)
    said: list[dict[str, object]] = [{"evaluation": one.model_dump(mode="json")} for one in (first, last)]
    messages: list[dict[str, object]] = [{"step": "train"}, *said, {}]
    assert read_evaluation(messages) == last
    assert read_evaluation([{"step": "train"}]) is None


@pytest.mark.parametrize("said", ["fine", {"held_out": "none"}, {"held_out": "all", "models": []}])
def test_an_evaluation_that_is_none_is_a_failure(said: object) -> None:
    with pytest.raises(WorkloadFailed) as raised:
        read_evaluation([{"evaluation": said}])
    assert raised.value.failure.code == "EvaluationUnreadable"


@pytest.mark.parametrize("number", [None, float("nan"), float("inf"), "1.0x"])
def test_a_number_that_is_none_is_not_compared_but_refused(number: object) -> None:
    model = {"role": "candidate", "manifest_sha256": DIGEST, "numbers": {"loss": number}}
    with pytest.raises(WorkloadFailed, match="loss"):
        read_evaluation([{"evaluation": {"held_out": "validation", "models": [model]}}])


@pytest.mark.parametrize(
    ("asked", "rows", "code", "said"),
    [
        ({"require": {"los": {"below": 1}}}, 10, "BadRunRequest", "Did you mean `loss`?"),
        (
            {"against_incumbent": {"speed": {"at_most_worse_by": 1}}},
            10,
            "BadRunRequest",
            "It measures exact_match, loss, training_loss.",
        ),
        ({"require": {"loss": {"below": 1}}}, 0, "NothingHeldOut", "no validation file"),
    ],
)
def test_a_gate_that_nothing_could_pass_is_refused_when_a_run_is_planned(
    asked: dict[str, object], rows: int, code: str, said: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        check(gate(**asked), MEASURES, rows)
    assert (raised.value.failure.code, said in raised.value.failure.why) == (code, True)


def test_what_is_measured_on_training_rows_may_be_required_of_any_dataset() -> None:
    check(gate(require={"training_loss": {"below": 1}}), MEASURES, 0)


def test_a_gate_needs_a_recipe_that_measures() -> None:
    with pytest.raises(InvalidInput, match="no step that measures"):
        planned(asked=read_request({}, {"recipe": "tiny", "evaluation": {"require": {"loss": {"below": 1}}}}))


def test_a_plan_knows_what_its_recipe_measures() -> None:
    measuring = step("evaluate").model_copy(update={"measures": {"loss": "lower"}})
    assert planned(by=recipe(step(), measuring)).measures == {"loss": "lower"}
    assert planned().measures == {}


@pytest.mark.parametrize("bound", [{}, {"below": None}, {"below": float("nan")}])
def test_a_bound_that_says_nothing_is_refused(bound: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=r"evaluation\.require\.loss"):
        read_request({}, {"evaluation": {"require": {"loss": bound}}})


def test_the_evidence_lies_below_the_projects_quarantine() -> None:
    assert quarantine_key("zoo", "birds-1", 2) == "quarantine/zoo/birds-1/2/gate.json"


def test_the_gate_is_no_part_of_a_runs_identity() -> None:
    held_out = dataset().model_copy(update={"rows": 500})
    measuring = recipe(step().model_copy(update={"measures": {"loss": "lower"}}))
    strict = request().model_copy(update={"evaluation": gate(require={"loss": {"below": 1}})})
    assert planned(of=held_out, by=measuring).identity == planned(of=held_out, by=measuring, asked=strict).identity

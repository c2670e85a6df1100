"""Plans: what makes two runs the same, what a run costs at most, and what its jobs are told."""

import json

import pytest
from dropforge.domain import prices
from dropforge.domain.clusters import Image
from dropforge.domain.plans import QUEUE_CEILING_HOURS, Plan, fill, model_folder
from dropforge.domain.requests import read_request
from dropforge.domain.uploads import RunBlock
from dropforge.errors import Problem

from tests.builders import dataset, file, planned, recipe, request, step, upload


def asked(own: RunBlock) -> Plan:
    return planned(asked=read_request({}, {"recipe": "tiny", **own}))


OTHER_RUNS = {
    "the data": planned(of=dataset(file(content="other rows"))),
    "the project": planned(of=dataset(project="farm")),
    "the recipe": planned(by=recipe(description="Other")),
    "the base model": asked({"base_model": "acme/small"}),
    "what the image was built from": planned(image=Image(uri="x@sha256:1", inputs="0" * 64)),
    "a parameter": planned(asked=request(steps=5)),
    "the number of nodes": asked({"compute": {"nodes": 2}}),
    "the repeat label": asked({"repeat": "2026-01-02"}),
}
SAME_RUNS = {
    "the budget": asked({"budget": {"max_usd": 5}}),
    "the priority": asked({"compute": {"priority": "low"}}),
    "the gate": asked({"evaluation": {"require": {"loss": {"below": 1.0}}}}),
    "the promotion": asked({"promotion": {"approval": "automatic"}}),
    "a default said aloud": planned(asked=request(steps=60)),
    "the recipe's base model said aloud": asked({"base_model": "acme/tiny"}),
    "a number written otherwise": planned(asked=request(rate=0.5, steps=60.0)),
    "another upload of the same files": planned(of=dataset(drop=upload(version_id="v2"))),
    "the image's own digest": planned(image=Image(uri="x@sha256:2", inputs="b" * 64)),
}


@pytest.mark.parametrize("what", OTHER_RUNS)
def test_another_run_is_one_with_another(what: str) -> None:
    assert OTHER_RUNS[what].identity != planned().identity
    assert OTHER_RUNS[what].run_id != planned().run_id


@pytest.mark.parametrize("what", SAME_RUNS)
def test_a_run_stays_the_same_with_another(what: str) -> None:
    assert SAME_RUNS[what].identity == planned().identity


def test_accelerators_are_part_of_the_identity() -> None:
    by = [recipe(step(accelerators=n)) for n in (0, 8)]
    assert planned(by=by[0]).identity != planned(by=by[1]).identity


def test_a_run_id_says_the_dataset_and_its_identity() -> None:
    assert planned().run_id == f"birds-{planned().identity[:12]}"


def test_every_run_begins_by_reading_its_files() -> None:
    assert [s.name for s in planned(by=recipe(step("train"), step("verify"))).steps] == ["prefetch", "train", "verify"]


def test_a_step_may_wait_a_week_for_quota_and_then_run_to_its_deadline() -> None:
    train = planned(by=recipe(step(minutes=90))).steps[-1]
    assert (train.deadline_seconds, train.timeout_seconds) == (5400, QUEUE_CEILING_HOURS * 3600 + 5400)


def test_the_price_is_every_step_at_its_deadline_on_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(prices.USD_PER_HOUR, "local.cpu", 10.0)
    assert asked({"compute": {"nodes": 2}}).price_usd == pytest.approx(2 * 10.0 * (2 + 1))  # prefetch 2 h, train 1 h


def test_a_run_that_could_cost_more_than_its_budget_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(prices.USD_PER_HOUR, "local.cpu", 10.0)
    with pytest.raises(Problem) as raised:
        asked({"budget": {"max_usd": 29.99}})
    assert (raised.value.failure.code, raised.value.failure.error) == ("BudgetTooSmall", "QuotaExceeded")
    assert "$30.00" in raised.value.failure.why
    assert asked({"budget": {"max_usd": 30}}).price_usd == 30


def test_an_instance_type_without_a_price_is_refused_and_not_guessed() -> None:
    priced = recipe().model_copy(update={"instance_types": ("ml.p5.48xlarge",)})
    with pytest.raises(Problem) as raised:
        planned(by=priced)
    assert raised.value.failure.code == "PriceUnknown"


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"compute": {"instance_type": "ml.p5.48xlarge"}}, "InstanceTypeNotAllowed"),
        ({"compute": {"nodes": 3}}, "BadRunRequest"),
        ({"parameters": {"stepz": 3}}, "BadRunRequest"),
    ],
)
def test_a_request_that_the_recipe_cannot_serve_is_refused(own: RunBlock, code: str) -> None:
    with pytest.raises(Problem) as raised:
        asked(own)
    assert raised.value.failure.code == code


def test_a_recipe_for_other_rows_is_refused() -> None:
    with pytest.raises(Problem) as raised:
        planned(by=recipe().model_copy(update={"kinds": ("dpo",)}))
    assert raised.value.failure.code == "WrongKind"


def test_every_placeholder_is_filled_from_the_attempt_and_the_cluster() -> None:
    by = recipe(step("train", "{dataset}", "{model}", "{work}", "{cache}", "{base_model}", "{steps}", "{rate}"))
    plan = planned(by=by)
    run = f"/fsx/runs/zoo/{plan.run_id}/3"
    assert fill(plan, dataset(), model_folder(plan.project, plan.run_id, 3), plan.steps[-1])[3:] == (
        "/fsx/datasets/zoo/birds/train.jsonl",
        f"{run}/model",
        run,
        "/fsx/caches/zoo",
        "acme/tiny",
        "60",
        "0.5",
    )


def test_the_prefetch_is_told_every_file_with_its_digest() -> None:
    files = (file("up/a.jsonl", "a"), file("up/b.jsonl", "b"))
    plan = planned(of=dataset(*files))
    told = json.loads(fill(plan, dataset(*files), "m", plan.steps[0])[-1])
    assert told == [{"path": f"/fsx/{f.key}", "sha256": f.sha256, "bytes": f.bytes} for f in files]


@pytest.mark.parametrize("placeholder", ["{modell}", "{0}", "{", "{steps:q}"])
def test_a_placeholder_that_the_recipe_got_wrong_names_step_and_recipe(placeholder: str) -> None:
    plan = planned(by=recipe(step("train", placeholder)))
    with pytest.raises(Problem) as raised:
        fill(plan, dataset(), "m", plan.steps[-1])
    assert "Step `train` of recipe `tiny`" in raised.value.failure.why


def test_the_same_files_are_the_same_version_whatever_their_order() -> None:
    a, b = file("a.jsonl", "a"), file("b.jsonl", "b")
    assert dataset(a, b).digest == dataset(b, a).digest

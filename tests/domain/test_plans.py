"""Plans: what makes two runs the same, what a run costs at most, and what its jobs are told."""

from typing import Any

import pytest
from dropforge.domain.clusters import Cluster, Image
from dropforge.domain.datasets import Dataset
from dropforge.domain.failures import Failure
from dropforge.domain.jobs import render
from dropforge.domain.plans import QUEUE_CEILING_HOURS, Place, Plan, fill, model_folder, plan
from dropforge.domain.recipes import Parameter, Recipe, Stuck
from dropforge.domain.requests import RunRequest, read_request
from dropforge.domain.uploads import RunBlock
from dropforge.errors import InvalidInput, Problem

from tests.builders import (
    BUCKET,
    CLUSTER,
    IMAGE,
    KEY,
    PARAMETERS,
    PROJECT,
    dataset,
    file,
    listing,
    planned,
    priced,
    recipe,
    request,
    run,
    step,
    upload,
)


def asked(own: RunBlock, cluster: Cluster = CLUSTER) -> Plan:
    return planned(asked=read_request({}, {"recipe": "tiny", **own}), cluster=cluster)


OTHER_RUNS = {
    "the data": planned(of=dataset(file(content="other rows"))),
    "the project": planned(of=dataset(project="farm")),
    "the environment": planned(environment="prod"),
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
    "the gate": asked({"evaluation": {"against_incumbent": {}}}),
    "the promotion": asked({"promotion": {"approval": "automatic"}}),
    "a default said aloud": planned(asked=request(steps=60)),
    "the recipe's base model said aloud": asked({"base_model": "acme/tiny"}),
    "a number written otherwise": planned(asked=request(rate=0.5, steps=60.0)),
    "the prices": planned(cluster=priced(cpu=10.0)),
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


def test_the_price_is_every_step_at_its_deadline_on_every_node() -> None:
    assert asked({"compute": {"nodes": 2}}, priced(cpu=10.0)).price_usd == pytest.approx(
        2 * 10.0 * (2 + 1)
    )  # prefetch 2 h, train 1 h


def test_small_steps_run_on_small_nodes_where_the_cluster_has_some_and_cost_as_much() -> None:
    verify = step("verify").model_copy(update={"small": True})
    with_some = priced(cpu=10.0, small=1.0).model_copy(update={"small_instance_type": "local.small"})
    made = planned(by=recipe(step(), verify), cluster=with_some)
    assert [s.instance_type for s in made.steps] == ["local.small", "local.cpu", "local.small"]
    assert made.price_usd == pytest.approx(1.0 * (2 + 1) + 10.0 * 1)
    without = planned(by=recipe(step(), verify))
    assert [s.instance_type for s in without.steps] == ["local.cpu"] * 3
    assert without.identity == made.identity


def test_a_run_that_could_cost_more_than_its_budget_is_refused() -> None:
    with pytest.raises(Problem) as raised:
        asked({"budget": {"max_usd": 29.99}}, priced(cpu=10.0))
    assert (raised.value.failure.code, raised.value.failure.error) == ("BudgetTooSmall", "QuotaExceeded")
    assert "$30.00" in raised.value.failure.why
    assert asked({"budget": {"max_usd": 30}}, priced(cpu=10.0)).price_usd == 30


def test_an_instance_type_without_a_price_is_refused_and_not_guessed() -> None:
    priced = recipe().model_copy(update={"instance_types": ("ml.p5.48xlarge",)})
    with pytest.raises(Problem) as raised:
        planned(by=priced)
    assert (raised.value.failure.code, raised.value.failure.evidence) == (
        "PriceUnknown",
        {"priced": ["local.cpu", "local.small"]},
    )


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
    names = (
        "listing",
        "listing_sha256",
        "mount",
        "model",
        "checkpoints",
        "work",
        "cache",
        "base_model",
        "steps",
        "rate",
    )
    plan = planned(by=recipe(step("train", *(f"{{{name}}}" for name in names))))
    run = f"/fsx/runs/zoo/{plan.run_id}/3"
    assert fill(plan, dataset(), model_folder(plan.project, plan.run_id, 3), plan.steps[-1])[3:] == (
        f"/fsx/{listing().key}",
        listing().sha256,
        "/fsx",
        f"{run}/model",
        f"/fsx/runs/zoo/{plan.run_id}/checkpoints",
        run,
        "/fsx/caches/zoo",
        "acme/tiny",
        "60",
        "0.5",
    )


def test_every_attempt_of_a_run_has_the_same_place_for_its_checkpoints() -> None:
    plan = planned(by=recipe(step("train", "{checkpoints}")))
    places = {fill(plan, dataset(), model_folder("zoo", "birds-1", n), plan.steps[-1])[-1] for n in (1, 2)}
    assert places == {"/fsx/runs/zoo/birds-1/checkpoints"}


def test_the_prefetch_is_told_the_listing_its_digest_and_where_keys_lie() -> None:
    plan = planned()
    told = fill(plan, dataset(), "m", plan.steps[0])[3:]
    assert told == ("prefetch", "--listing", f"/fsx/{listing().key}", "--sha256", listing().sha256, "--mount", "/fsx")


def test_what_is_brought_to_the_file_system_is_the_file_or_the_uploads_folder_and_the_listing() -> None:
    single = planned()
    many = planned(of=dataset(drop=upload("datasets/zoo/birds/up-1/manifest.json")))
    assert single.sources == (f"s3://{BUCKET}/{KEY}", f"s3://{BUCKET}/{listing().key}")
    assert many.sources == (f"s3://{BUCKET}/datasets/zoo/birds/up-1/", f"s3://{BUCKET}/{listing().key}")


def rows(**known: int) -> Dataset:
    return dataset().model_copy(update=known)


def refusal(of: Dataset, by: Recipe, asks: RunRequest | None = None) -> Failure:
    with pytest.raises(InvalidInput) as raised:
        planned(of=of, by=by, asked=asks)
    return raised.value.failure


def test_a_row_longer_than_the_model_reads_is_named_with_its_place() -> None:
    by = recipe().model_copy(update={"max_tokens": 50})
    assert planned(of=rows(longest_bytes=200), by=by).recipe == "tiny"
    found = refusal(rows(longest_bytes=201), by)
    assert (found.code, found.evidence) == ("RowsTooLong", {"at": "train.jsonl line 7", "tokens": 51})
    assert found.why == "train.jsonl line 7 has 201 bytes, about 51 tokens; `tiny` reads at most 50."


def test_a_recipe_may_know_its_own_bytes_per_token_or_no_limit() -> None:
    by = recipe().model_copy(update={"max_tokens": 50, "bytes_per_token": 2.0})
    assert refusal(rows(longest_bytes=101), by).evidence["tokens"] == 51
    assert planned(of=rows(longest_bytes=10**9)).recipe == "tiny"


def test_fewer_rows_than_one_step_takes_are_refused_with_what_makes_its_size() -> None:
    batch = {**PARAMETERS, "batch_size": Parameter(default=4, minimum=1)}
    by = recipe(step(accelerators=8), parameters=batch)
    asks = read_request({}, {"recipe": "tiny", "compute": {"nodes": 2}})
    assert planned(of=rows(train_rows=64), by=by, asked=asks).nodes == 2
    found = refusal(rows(train_rows=63), by, asks)
    assert (found.code, found.evidence) == ("TooFewRows", {"rows": 63, "wanted": 64})
    assert "(batch_size 4 x nodes 2 x accelerators 8)" in found.why


def test_a_plan_says_when_a_training_counts_as_stuck() -> None:
    assert planned().stuck == Stuck(times_median=20, at_least_seconds=300)
    slow = Stuck(times_median=50, at_least_seconds=3600)
    assert planned(by=recipe().model_copy(update={"stuck": slow})).stuck == slow


@pytest.mark.parametrize("placeholder", ["{modell}", "{0}", "{", "{steps:q}"])
def test_a_placeholder_that_the_recipe_got_wrong_names_step_and_recipe(placeholder: str) -> None:
    plan = planned(by=recipe(step("train", placeholder)))
    with pytest.raises(Problem) as raised:
        fill(plan, dataset(), "m", plan.steps[-1])
    assert "Step `train` of recipe `tiny`" in raised.value.failure.why


def test_rows_that_call_functions_need_a_recipe_that_trains_on_them() -> None:
    calling = dataset().model_copy(update={"tool_rows": 3})
    with pytest.raises(InvalidInput, match="3 rows call functions") as raised:
        planned(of=calling)
    assert raised.value.failure.code == "WrongKind"
    assert planned(of=calling, by=recipe().model_copy(update={"tools": True})).recipe == "tiny"


def test_a_steps_own_image_and_command_are_planned_and_its_inputs_are_part_of_the_identity() -> None:
    own = step("evaluate", "evaluate").model_copy(update={"image": "judge", "command": ("judge", "now")})
    by = recipe(step(), own)
    made = [
        plan(dataset(), request(), by, PROJECT, Place("test", CLUSTER, IMAGE, {"judge": Image(uri=uri, inputs=inputs)}))
        for uri, inputs in (("judge@sha256:1", "a"), ("judge@sha256:2", "a"), ("judge@sha256:2", "b"))
    ]
    assert [(one.steps[-1].image, one.steps[-1].command) for one in made[:2]] == [
        ("judge@sha256:1", ("judge", "now", "evaluate")),
        ("judge@sha256:2", ("judge", "now", "evaluate")),
    ]
    assert made[0].identity == made[1].identity != made[2].identity
    assert [one.image for one in made[0].steps[:-1]] == ["", ""]


def test_a_job_runs_in_its_steps_own_image() -> None:
    own = step("evaluate", "evaluate").model_copy(update={"image": "judge"})
    place = Place("test", CLUSTER, IMAGE, {"judge": Image(uri="judge@sha256:1", inputs="a")})
    made = plan(dataset(), request(), recipe(step(), own), PROJECT, place)
    jobs: list[Any] = [render(made, dataset(), run(of=made), one) for one in made.steps]
    images = [job["spec"]["template"]["spec"]["containers"][0]["image"] for job in jobs]
    assert images == [IMAGE.uri, IMAGE.uri, "judge@sha256:1"]


def test_a_recipe_that_says_nothing_of_step_images_has_the_digest_that_it_had_before_there_were_any() -> None:
    assert recipe().digest == "0be5cd7cd2fbe4af825601134b1b231775a745178e5100bce32be72a6057769f"
    assert planned().identity == "187ee9aa09f1a7b35e40adfbb670c3624e448b4ffd4c2a73d7addb9c84555f0d"

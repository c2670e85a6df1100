"""Previews: what would be reused and why not, what a run costs at least and at most, what the manifests are."""

from typing import Any, get_args

import pytest
from dropforge.domain import manifests
from dropforge.domain.attempts import first
from dropforge.domain.drafts import Draft
from dropforge.domain.fits import Answer, Fit
from dropforge.domain.manifests import Site
from dropforge.domain.plans import Plan
from dropforge.domain.previews import Difference, Reuse, differences, price_of, reuse_of, together
from dropforge.domain.runs import Run, Status
from dropforge.domain.values import digest
from dropforge.errors import Conflict

from tests.builders import CLUSTER, IMAGE, NOW, dataset, listing, planned, priced, recipe, request, run, step, upload

PLAN = planned()
NEW = Reuse(answer="new", why="")


def earlier(plan: Plan, **changes: Any) -> Run:
    return first(plan, upload(), "e", NOW).model_copy(update=changes)


@pytest.mark.parametrize(
    ("status", "answer"),
    [("running", "joins"), ("succeeded", "reused"), ("failed", "retries"), ("cancelled", "retries")],
)
def test_a_run_of_the_same_identity_is_joined_reused_or_tried_again(status: Status, answer: str) -> None:
    reuse = reuse_of(PLAN, run(status, attempt=2), None)
    assert (reuse.answer, reuse.run_id, reuse.status, reuse.attempt) == (answer, PLAN.run_id, status, 2)


def test_a_reused_run_names_its_model() -> None:
    assert reuse_of(PLAN, earlier(PLAN, status="succeeded", model_arn="arn:m"), None).model_arn == "arn:m"


def test_another_run_with_the_same_short_id_is_refused_as_when_it_is_admitted() -> None:
    with pytest.raises(Conflict, match="stands for another run"):
        reuse_of(PLAN, earlier(PLAN, identity="f" * 64), None)


def test_a_new_run_says_by_field_how_it_differs_from_the_newest_of_its_dataset() -> None:
    image = IMAGE.model_copy(update={"inputs": "c" * 64})
    before = planned(asked=request(steps=5, rate=0.25), image=image)
    reuse = reuse_of(PLAN, None, earlier(before))
    assert (reuse.answer, reuse.compared_with) == ("new", before.run_id)
    assert reuse.differences == (
        Difference(field="image", before="c" * 64, now="b" * 64),
        Difference(field="parameters.rate", before="0.25", now="0.5"),
        Difference(field="parameters.steps", before="5", now="60"),
    )
    assert "differs in image, parameters.rate, parameters.steps" in reuse.why


def test_a_run_from_before_ingredients_were_kept_is_named_and_compared_with_nothing() -> None:
    reuse = reuse_of(PLAN, None, earlier(PLAN, ingredients={}))
    assert (reuse.compared_with, reuse.differences) == (PLAN.run_id, ())
    assert "not recorded in full" in reuse.why


def test_what_only_one_side_has_differs_from_nothing() -> None:
    assert differences({"a": 1}, {"shape": [1, 8]}) == (
        Difference(field="a", before="1", now="nothing"),
        Difference(field="shape", before="nothing", now="1 x 8"),
    )


def test_the_identity_of_a_run_is_the_digest_of_its_ingredients() -> None:
    assert (PLAN.identity, earlier(PLAN).ingredients) == (digest(PLAN.ingredients), PLAN.ingredients)


@pytest.fixture
def costly() -> Plan:
    """A plan of two nodes at $6 an hour, with 120 minutes of prefetch and 60 of training."""
    asked = request().model_copy(update={"compute": request().compute.model_copy(update={"nodes": 2})})
    return planned(asked=asked, cluster=priced(cpu=6.0))


def test_a_price_is_from_a_minute_of_every_step_to_its_deadline(costly: Plan) -> None:
    price = price_of(costly, NEW)
    assert price.least_usd == pytest.approx(2 * 2 * 6 / 60)
    assert price.most_usd == 2 * 6 * 3


def test_a_price_says_its_table_and_what_each_number_assumes(costly: Plan) -> None:
    price = price_of(costly, NEW)
    assert price.as_of == costly.cluster.price_table.as_of
    said = " ".join(price.assumes)
    for words in ("local.cpu $6.00", price.as_of, "prefetch 120, train 60", "2 x its instance"):
        assert words in said


@pytest.mark.parametrize("answer", ["reused", "joins"])
def test_what_is_done_already_or_by_another_run_costs_nothing_more(costly: Plan, answer: Any) -> None:
    price = price_of(costly, Reuse(answer=answer, why="", run_id="birds-1"))
    assert (price.least_usd, price.most_usd) == (0, 0)


def fits(*answers: Answer) -> list[Fit]:
    return [Fit(answer=answer, why=answer) for answer in answers]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(("now", "now"), "now"), (("now", "later"), "later"), (("never", "later"), "never"), (("unknown", "later"), "later"),
     (("now", "unknown"), "unknown")],
)  # fmt: skip
def test_a_run_fits_as_its_worst_step_does(answers: tuple[Answer, ...], expected: Answer) -> None:
    assert together(fits(*answers), NEW).answer == expected


def test_what_is_reused_needs_no_place() -> None:
    assert together(fits("never"), Reuse(answer="reused", why="")).answer == "now"
    assert set(get_args(Answer)) == {"now", "later", "never", "unknown"}


def test_the_same_content_has_the_same_manifests_wherever_its_listing_lies() -> None:
    once, again = (
        dataset(),
        dataset().model_copy(update={"listing": listing("datasets/zoo/birds/.dropforge/f/files.json")}),
    )
    assert manifests.sha256(manifests.draw(PLAN, once)) == manifests.sha256(manifests.draw(PLAN, again))


def test_a_file_that_is_not_uploaded_has_the_manifests_of_its_upload() -> None:
    data = dataset()
    draft = Draft(**data.model_dump(include=set(Draft.model_fields)))
    made = draft.dataset(data.project, data.name)
    plan = planned(of=made)
    assert (plan.identity, manifests.draw(plan, made)) == (PLAN.identity, manifests.draw(PLAN, data))


def test_another_parameter_is_another_manifest() -> None:
    data, other = dataset(), planned(asked=request(steps=7))
    assert manifests.sha256(manifests.draw(other, data)) != manifests.sha256(manifests.draw(PLAN, data))


def test_a_site_knows_what_nobody_has_given() -> None:
    site = Site(team="vision", image="r/i@sha256:1")
    assert {"team", "image"}.isdisjoint(site.stand_ins)
    assert "claim" in site.stand_ins


def test_a_sketch_is_what_the_site_says() -> None:
    site = Site(team="vision", project="zoo", mount_path="/data", claim="lustre", small_instance_type="local.small")
    (prefetch, train) = manifests.sketch(recipe(step()), request(), site)
    assert prefetch["metadata"]["namespace"] == "hyperpod-ns-vision"  # type: ignore[index]
    pod = train["spec"]["template"]["spec"]  # type: ignore[index]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == "lustre"
    assert pod["containers"][0]["command"][-2].startswith("--listing=/data/datasets/zoo/")
    assert prefetch["spec"]["template"]["spec"]["nodeSelector"] == {"node.kubernetes.io/instance-type": "local.small"}  # type: ignore[index]
    assert CLUSTER.claim not in str(train)

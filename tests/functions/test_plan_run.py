"""PlanRun: everything decided from the request, the recipe and what the platform team has set up."""

from collections.abc import Callable

import pytest
from dropforge import naming
from dropforge.adapters import aws, settings
from dropforge.domain.plans import Plan
from dropforge.domain.uploads import RunBlock
from dropforge.domain.values import Value
from dropforge.errors import Problem

from tests.builders import CLUSTER, IMAGE, PROJECT, dataset
from tests.contracts.repository import Document
from tests.functions.conftest import Call

FACTS: dict[tuple[str, str], Value] = {
    ("projects", "zoo"): PROJECT,
    ("clusters", "research"): CLUSTER,
    ("images", "cpu-trainer"): IMAGE,
}


@pytest.fixture(autouse=True)
def facts(account: None) -> None:
    for (nouns, name), fact in FACTS.items():
        parameter = naming.parameter("test", nouns, name, "spec")
        aws.ssm().put_parameter(Name=parameter, Type="String", Value=fact.model_dump_json())


def to_plan(run: RunBlock | None = None, project: str = "zoo") -> Document:
    return {"dataset": dataset(project=project).model_dump(mode="json"), "run": run or {}}


def test_a_plan_is_made_of_the_recipe_and_the_projects_cluster_and_team(call: Call) -> None:
    plan = Plan.model_validate(call("plan_run", to_plan()))
    assert (plan.team, plan.cluster, plan.image) == ("vision", CLUSTER, IMAGE.uri)
    assert (plan.recipe, plan.price_usd) == ("cpu-lora", 0)
    assert [step.name for step in plan.steps] == ["prefetch", "prepare", "train", "verify"]


def test_the_users_parameters_are_in_the_plan(call: Call) -> None:
    assert call("plan_run", to_plan({"parameters": {"steps": 7}}))["parameters"]["steps"] == 7


def test_the_deployments_defaults_lie_below_the_request(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_RUN", '{"parameters": {"steps": 5, "rank": 4}}')
    settings.default_run.cache_clear()
    parameters = call("plan_run", to_plan({"parameters": {"steps": 7}}))["parameters"]
    assert (parameters["steps"], parameters["rank"]) == (7, 4)


def test_planning_again_gives_the_same_plan(call: Call) -> None:
    assert call("plan_run", to_plan()) == call("plan_run", to_plan())


def test_a_plan_is_announced_with_its_price(call: Call, announced: Callable[[], list[tuple[str, Document]]]) -> None:
    plan = call("plan_run", to_plan())
    ((kind, detail),) = announced()
    assert (kind, detail["run_id"], detail["price_usd"]) == ("RunPlanned", plan["run_id"], 0)


@pytest.mark.parametrize(
    ("nouns", "name", "code"),
    [
        ("projects", "zoo", "ProjectNotOnboarded"),
        ("clusters", "research", "ClusterUnknown"),
        ("images", "cpu-trainer", "ImageUnknown"),
    ],
)
def test_what_the_platform_team_has_not_set_up_is_named(
    call: Call, announced: Callable[[], list[tuple[str, Document]]], nouns: str, name: str, code: str
) -> None:
    aws.ssm().delete_parameter(Name=naming.parameter("test", nouns, name, "spec"))
    with pytest.raises(Problem) as raised:
        call("plan_run", to_plan())
    assert (raised.value.failure.code, raised.value.failure.whose) == (code, "the platform team")
    assert announced() == []


@pytest.mark.parametrize(
    ("run", "code"),
    [
        ({"recipe": "cpu-lra"}, "UnknownRecipe"),
        ({"recpie": "x"}, "BadRunRequest"),
        ({"parameters": {"steps": 0}}, "BadRunRequest"),
    ],
)
def test_a_request_that_cannot_be_is_refused(call: Call, run: RunBlock, code: str) -> None:
    with pytest.raises(Problem) as raised:
        call("plan_run", to_plan(run))
    assert raised.value.failure.code == code


def test_an_unknown_recipe_names_the_nearest(call: Call) -> None:
    with pytest.raises(Problem, match="Did you mean `cpu-lora`"):
        call("plan_run", to_plan({"recipe": "cpu-lra"}))

"""PlanRun: everything decided from the request, the recipe and what the platform team has set up."""

from collections.abc import Callable

import pytest
from dropforge import naming
from dropforge.adapters import aws, parameters, settings
from dropforge.domain.plans import Plan
from dropforge.domain.uploads import RunBlock
from dropforge.domain.values import Value
from dropforge.errors import Problem

from tests.builders import CLUSTER, IMAGE, PROJECT, dataset
from tests.contracts.repository import Document
from tests.functions.conftest import DATASETS, Call

FACTS: dict[tuple[str, str], Value] = {
    ("projects", "zoo"): PROJECT,
    ("clusters", "research"): CLUSTER,
    ("images", "cpu-trainer"): IMAGE,
    ("images", "evaluator"): IMAGE,
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
    assert [step.name for step in plan.steps] == ["prefetch", "prepare", "train", "evaluate", "verify"]
    assert {step.name: step.image for step in plan.steps if step.image} == {"evaluate": IMAGE.uri}


def test_the_users_parameters_are_in_the_plan(call: Call) -> None:
    assert call("plan_run", to_plan({"parameters": {"steps": 7}}))["parameters"]["steps"] == 7


def test_the_deployments_defaults_lie_below_the_request(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEFAULT_RUN", '{"parameters": {"steps": 5, "rank": 4}}')
    settings.default_run.cache_clear()
    parameters = call("plan_run", to_plan({"parameters": {"steps": 7}}))["parameters"]
    assert (parameters["steps"], parameters["rank"]) == (7, 4)


def run_yaml(text: str, project: str = "zoo") -> None:
    aws.s3().put_object(Bucket=DATASETS, Key=f"datasets/{project}/run.yaml", Body=text.encode())


def test_the_projects_defaults_lie_between_the_deployments_and_the_request(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEFAULT_RUN", '{"parameters": {"steps": 5, "rank": 4, "seed": 1}}')
    settings.default_run.cache_clear()
    run_yaml("parameters: {steps: 6, rank: 16}\nbudget: {max_usd: 0}\n")
    plan = call("plan_run", to_plan({"parameters": {"steps": 7}}))
    assert [plan["parameters"][name] for name in ("steps", "rank", "seed")] == [7, 16, 1]
    assert plan["request"]["budget"]["max_usd"] == 0


def test_another_projects_defaults_are_not_read(call: Call) -> None:
    run_yaml("parameters: {steps: 6}\n", project="farm")
    assert call("plan_run", to_plan())["parameters"]["steps"] == 60


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_defaults_that_say_nothing_change_nothing(call: Call, text: str) -> None:
    before = call("plan_run", to_plan())
    run_yaml(text)
    assert call("plan_run", to_plan()) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recpie: x\n", "line 1: `recpie` is not a key of a run request. Did you mean `recipe`?"),
        ("recipe: cpu-lora\ncompute:\n  node: 2\n", "line 3: `compute.node` is not a key"),
        ("budget:\n\n  max_usd: -1\n", "line 3: `budget.max_usd`: "),
        ("budget: [1\n", "it is not YAML: "),
        ("- a\n", "it must be keys with values"),
        ("1: a\n", "it must be keys with values"),
        ("recipe: &r cpu-lora\nbase_model: *r\n", "it uses an alias"),
        ("# " + "x" * 70_000, "it has more than 65,536 bytes"),
        ("recipe: !!python/name:os.system\n", "it is not YAML: "),
    ],
)
def test_defaults_that_cannot_be_are_named_with_their_line(call: Call, text: str, said: str) -> None:
    run_yaml(text)
    with pytest.raises(Problem) as raised:
        call("plan_run", to_plan())
    assert raised.value.failure.code == "BadRunRequest"
    assert raised.value.failure.why.startswith("datasets/zoo/run.yaml")
    assert said in raised.value.failure.why


def test_defaults_that_are_not_text_are_named(call: Call) -> None:
    aws.s3().put_object(Bucket=DATASETS, Key="datasets/zoo/run.yaml", Body=b"recipe: caf\xe9\n")
    with pytest.raises(Problem, match=r"datasets/zoo/run\.yaml: it is not YAML"):
        call("plan_run", to_plan())


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
        ("images", "evaluator", "ImageUnknown"),
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


def test_a_record_that_is_wrong_is_named_with_its_field(call: Call) -> None:
    name = naming.parameter("test", "clusters", "research", "spec")
    wrong = CLUSTER.model_dump_json(exclude={"mount_path"})
    aws.ssm().put_parameter(Name=name, Type="String", Value=wrong, Overwrite=True)
    with pytest.raises(Problem) as raised:
        call("plan_run", to_plan())
    failure = raised.value.failure
    assert (failure.code, failure.evidence) == ("RecordUnreadable", {"parameter": name})
    assert "mount_path" in failure.why


def test_a_record_from_before_there_were_prices_is_read_and_nothing_is_planned_with_it(call: Call) -> None:
    name = naming.parameter("test", "clusters", "research", "spec")
    before = CLUSTER.model_dump_json(exclude={"prices"})
    aws.ssm().put_parameter(Name=name, Type="String", Value=before, Overwrite=True)
    assert parameters.cluster("research").name == "research"
    with pytest.raises(Problem) as raised:
        call("plan_run", to_plan())
    failure = raised.value.failure
    assert (failure.code, failure.why) == ("PriceUnknown", "The record of the cluster `research` has no `prices`.")


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

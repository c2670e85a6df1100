"""The machine: its tasks are the functions, it retries in one way, and its history stays bounded."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import jsonata
import pytest
from dropforge import errors
from dropforge.domain.file_systems import COPY_HOURS, LINE_HOURS
from dropforge.domain.journeys import STAGES
from dropforge.domain.plans import QUEUE_CEILING_HOURS
from dropforge.domain.recipes import MAX_STEPS

from tests.contracts.repository import (
    ROOT,
    Document,
    all_states,
    functions,
    handler_folders,
    handler_module,
    machine,
    machine_files,
    resources,
    snake,
    states,
    text,
)

TASKS = all_states("Task")
MAPS = all_states("Map")
ASKED_BY_PEOPLE = {
    "DescribeRun",
    "PreviewRun",
    "ListRuns",
    "CancelRun",
    "RetryRun",
    "ApproveModel",
    "RecallDataset",
    "ListModels",
    "TraceModel",
}
BUSY = {
    "Unavailable",
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    "Sandbox.Timedout",
    "Lambda.Unknown",
    "Runtime.ExitError",
}
BUSY_IN_VPC = {"Lambda.ResourceNotReadyException", "Lambda.EC2ThrottledException"}
MAX_ITEMS = MAX_STEPS + 1


def test_every_function_has_a_resource_of_its_name_and_every_resource_a_folder() -> None:
    assert {snake(name) for name in functions()} == set(handler_folders())
    assert {name: p["CodeUri"] for name, p in functions().items()} == {n: f"functions/{snake(n)}/" for n in functions()}


@pytest.mark.parametrize("name", TASKS)
def test_a_task_invokes_the_function_of_its_own_name(name: str) -> None:
    assert TASKS[name]["Arguments"]["FunctionName"] == f"${{{name}}}"
    assert name in functions()


@pytest.mark.parametrize("name", functions())
def test_a_function_is_a_task_of_a_machine_or_hears_events_or_is_asked_by_people(name: str) -> None:
    assert [name in TASKS, "Events" in functions()[name], name in ASKED_BY_PEOPLE].count(True) == 1


@pytest.mark.parametrize("name", resources("AWS::Serverless::StateMachine"))
def test_every_placeholder_of_a_machine_is_substituted_and_nothing_else(name: str) -> None:
    properties = resources("AWS::Serverless::StateMachine")[name]
    definition = text(properties["DefinitionUri"])
    wanted = {part.partition("}")[0] for part in definition.split("${")[1:]}
    assert properties["DefinitionUri"] == f"statemachines/{snake(name)}.asl.yaml"
    assert set(properties["DefinitionSubstitutions"]) == wanted
    functions_of_it = {n: {"Fn::GetAtt": [n, "Arn"]} for n in wanted - {"Partition"}}
    assert properties["DefinitionSubstitutions"] == {**functions_of_it, "Partition": {"Ref": "AWS::Partition"}}


@pytest.mark.parametrize("name", resources("AWS::Serverless::StateMachine"))
def test_a_machine_may_invoke_its_functions_and_no_others(name: str) -> None:
    properties = resources("AWS::Serverless::StateMachine")[name]
    allowed = [p["LambdaInvokePolicy"]["FunctionName"]["Ref"] for p in properties["Policies"] if "Statement" not in p]
    assert sorted([*allowed, "Partition"]) == sorted(properties["DefinitionSubstitutions"])


def test_every_machine_file_is_deployed() -> None:
    deployed = {p["DefinitionUri"] for p in resources("AWS::Serverless::StateMachine").values()}
    assert deployed == {str(path.relative_to(ROOT)) for path in machine_files()}


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_time_out(name: str) -> None:
    limit = TASKS[name]["TimeoutSeconds"]
    assert isinstance(limit, str) or limit > 0


@pytest.mark.parametrize("name", [n for n, task in TASKS.items() if not task["Resource"].endswith("TaskToken")])
def test_a_task_outlasts_its_function_so_that_lambda_says_first_what_happened(name: str) -> None:
    """A state's clock starts before its function's, and `States.Timeout` is retried by nothing."""
    assert TASKS[name]["TimeoutSeconds"] >= functions()[name].get("Timeout", 60) + 30


@pytest.mark.parametrize("name", ["StageDataset", "PromoteCheckpoint"])
def test_a_copy_may_wait_for_its_turn_and_then_still_copy_to_its_deadline(name: str) -> None:
    assert TASKS[name]["TimeoutSeconds"] == (LINE_HOURS + COPY_HOURS) * 3600


@pytest.mark.parametrize("path", machine_files())
def test_a_machine_outlasts_all_the_waits_of_its_longest_run(path: Path) -> None:
    jobs = (MAX_STEPS + 1) * QUEUE_CEILING_HOURS * 3600
    others = sum(TASKS[name]["TimeoutSeconds"] for name in ("StageDataset", "PromoteCheckpoint", "RequestApproval"))
    assert machine(path)["TimeoutSeconds"] > jobs + others


@pytest.mark.parametrize("name", TASKS)
def test_every_task_retries_by_the_one_profile(name: str) -> None:
    one = TASKS["RegisterDataset"]["Retry"]
    later, busy = TASKS[name]["Retry"]
    in_vpc = BUSY_IN_VPC if "VpcConfig" in functions()[name] else set[str]()
    assert (later["ErrorEquals"], set(busy["ErrorEquals"])) == (["NotReady"], BUSY | in_vpc)
    assert [pace(later), pace(busy)] == [pace(retrier) for retrier in one]


def pace(retrier: Document) -> Document:
    return {key: value for key, value in retrier.items() if key != "ErrorEquals"}


def test_what_time_mends_is_tried_at_a_fixed_pace_and_a_busy_service_ever_more_slowly() -> None:
    later, busy = TASKS["RegisterDataset"]["Retry"]
    assert later["BackoffRate"] == 1
    assert busy["BackoffRate"] > 1
    assert busy["MaxDelaySeconds"] >= busy["IntervalSeconds"]
    assert busy["JitterStrategy"] == "FULL"


@pytest.mark.parametrize("path", machine_files())
def test_errors_are_caught_by_our_names_or_those_of_aws_and_never_all_of_them(path: Path) -> None:
    named = {
        error
        for _, state in states(machine(path))
        for rule in (*state.get("Retry", ()), *state.get("Catch", ()))
        for error in rule["ErrorEquals"]
    }
    assert named <= {*vars(errors), *BUSY, *BUSY_IN_VPC, "States.Timeout"} - {"Problem"}
    assert "States.ALL" not in text(str(path.relative_to(ROOT)))


def test_the_time_errors_are_the_only_ones_of_ours_that_are_retried() -> None:
    retried = {error for task in TASKS.values() for rule in task["Retry"] for error in rule["ErrorEquals"]}
    assert {error for error in retried if hasattr(errors, error)} == {"NotReady", "Unavailable"}


@pytest.mark.parametrize("name", [*TASKS, *MAPS])
def test_a_state_leaves_exactly_one_noun(name: str) -> None:
    """A state that ends its machine or its Map hands its noun on as output: nobody could read a variable there."""
    state = {**TASKS, **MAPS}[name]
    assert (len(state.get("Assign", {})), "Output" in state) == ((0, True) if state.get("End") else (1, False))


@pytest.mark.parametrize("path", machine_files())
def test_no_path_assigns_a_variable_twice(path: Path) -> None:
    whole = machine(path)
    assigned = list(paths(whole["States"], whole["StartAt"]))
    assert [variables for variables in assigned if len(set(variables)) != len(variables)] == []
    assert any(variables for variables in assigned)


def paths(named: dict[str, Document], start: str) -> Iterator[list[str]]:
    """Yield the variables that are assigned on each way from a state to an end; a Choice's own are its default's."""
    state = named[start]
    for way in (*state.get("Choices", ()), *state.get("Catch", ()), state):
        then = way.get("Next") or way.get("Default")
        for rest in paths(named, then) if then else [[]]:
            yield [*way.get("Assign", ()), *rest]


def test_the_stages_of_a_journey_are_the_machines_own_states_in_order() -> None:
    path = ROOT / "statemachines" / "dataset_to_model.asl.yaml"
    assert tuple(n for n, s in machine(path)["States"].items() if s["Type"] in ("Task", "Map")) == STAGES


@pytest.mark.parametrize("name", TASKS)
def test_a_task_hands_its_function_exactly_the_fields_of_its_value(name: str) -> None:
    contract = handler_module(snake(name)).handler.contract
    (parameter,) = (hint for argument, hint in contract.items() if argument != "return")
    assert set(TASKS[name]["Arguments"]["Payload"]) == set(parameter.model_fields)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_keeps_what_its_function_returns_as_it_is(name: str) -> None:
    state = TASKS[name]
    kept = state["Output"] if state.get("End") else next(iter(state["Assign"].values()))
    token = state["Resource"].endswith("TaskToken")
    assert kept == ("{% $states.result %}" if token else "{% $states.result.Payload %}")


@pytest.mark.parametrize("folder", handler_folders())
def test_a_handlers_annotations_are_values(folder: str) -> None:
    contract = handler_module(folder).handler.contract
    (argument,) = (hint for name, hint in contract.items() if name != "return")
    received = get_args(argument) or (argument,)
    assert len(contract) == 2
    assert all({"Value", "Received"} & {base.__name__ for base in one.__mro__} for one in received)
    assert "Value" in {base.__name__ for base in contract["return"].__mro__}


@pytest.mark.parametrize("folder", handler_folders())
def test_a_handler_folder_holds_one_short_file(folder: str) -> None:
    inside = [p for p in (ROOT / "functions" / folder).iterdir() if p.name != "__pycache__"]
    assert [path.name for path in inside] == ["app.py"]
    assert len(inside[0].read_text().splitlines()) <= 40


def is_distributed(state: Document) -> bool:
    return bool(state["Type"] == "Map" and state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED")


def attempts(state: Document) -> int:
    return 1 + sum(int(rule["MaxAttempts"]) for rule in state.get("Retry", ()))


def events_of(state: Document) -> int:
    """The most events that a state can write: entered, exited, and what lies between.

    An attempt of a task writes TaskScheduled, TaskStarted and how it ended; one that waits for a token TaskSubmitted too.
    A Map writes its start and end, and as much for each item; a distributed one has its items in executions of their own.
    """
    if state["Type"] == "Task":
        return 2 + attempts(state) * (4 if state["Resource"].endswith("TaskToken") else 3)
    if is_distributed(state):
        return 2 + 3  # MapRunStarted, its end, and one more for a redrive or an abort
    if state["Type"] == "Map":
        return 4 + MAX_ITEMS * (2 + sum(map(events_of, state["ItemProcessor"]["States"].values())))
    return 2


@pytest.mark.parametrize("path", machine_files(), ids=lambda path: path.name)
def test_the_longest_history_a_machine_can_write_stays_below_5000_events(
    path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    for name, scope in executions(path).items():
        longest = 2 + sum(map(events_of, scope["States"].values()))
        record_testsuite_property(f"longest_history_{path.name}_{name}", longest)
        assert longest < 5_000


def executions(path: Path) -> dict[str, Document]:
    """The machine itself and what each item of a distributed Map runs: every one of them has a history of its own."""
    children = {name: state["ItemProcessor"] for name, state in states(machine(path)) if is_distributed(state)}
    return {"itself": machine(path), **children}


@pytest.mark.parametrize("name", [name for name, state in MAPS.items() if is_distributed(state)])
def test_a_distributed_map_is_bounded_forgives_nothing_and_its_items_read_no_variable(name: str) -> None:
    """Executions of their own cannot see the variables of the machine: what an item needs is in its input."""
    state = MAPS[name]
    selected = set(state["ItemSelector"])
    inside = json.dumps(state["ItemProcessor"])
    assert 0 < state["MaxConcurrency"] <= 100
    assert state["ToleratedFailurePercentage"] == 0
    assert set(re.findall(r"\$states\.input\.(\w+)", inside)) == selected
    assert set(re.findall(r"\$(\w+)\b", inside)) == {"states"}


@pytest.mark.parametrize(("number", "items"), [(2, [0, 1]), (5, [0, 1, 2, 3, 4])])
def test_the_ranges_of_an_upload_are_counted_from_nought(number: int, items: list[int]) -> None:
    expression = jsonata.Jsonata(MAPS["CheckRanges"]["Items"].removeprefix("{%").removesuffix("%}"))
    expression.assign("manifest", {"ranges": number})
    assert expression.evaluate({}) == items

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.aws import LocalAws
from tests.localcloud.aws.conftest import eventually

INVOKE = "arn:aws:states:::lambda:invoke"
Run = Callable[..., dict[str, Any]]
Function = Callable[..., str]
Messages = Callable[..., list[dict[str, Any]]]

ECHO = "def handler(event, context):\n    return event\n"
KEEP_TOKEN = (
    "import boto3\ndef handler(event, context):\n"
    "    boto3.client('ssm').put_parameter(Name=event['name'], Value=event['token'], Type='String', Overwrite=True)\n"
)
FLAKY = (
    "import boto3\nclass Transient(Exception):\n    pass\ndef handler(event, context):\n"
    "    n = boto3.client('dynamodb').update_item(TableName='attempts', Key={'id': {'S': event['id']}},\n"
    "        UpdateExpression='ADD n :one', ExpressionAttributeValues={':one': {'N': '1'}}, ReturnValues='UPDATED_NEW')\n"
    "    n = int(n['Attributes']['n']['N'])\n    if n < event['until']:\n        raise Transient(str(n))\n    return {'attempts': n}\n"
)


def jsonata(states: dict[str, Any], **machine: Any) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **machine}


def one(state: dict[str, Any], **machine: Any) -> dict[str, Any]:
    return jsonata({"Only": {"End": True, **state}}, **machine)


def task(function: str, payload: Any = None, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Arguments": {"FunctionName": function, "Payload": payload or {}},
        **more,
    }


def token_task(name: str, **more: Any) -> dict[str, Any]:
    payload = {"name": name, "token": "{% $states.context.Task.Token %}"}
    return {**task("keep-token", payload, **more), "Resource": f"{INVOKE}.waitForTaskToken"}


@pytest.fixture(scope="module", autouse=True)
def _functions(aws: LocalAws, function: Function) -> None:
    function("echo", ECHO)
    function("keep-token", KEEP_TOKEN)
    function("flaky", FLAKY)
    function("fails", "class Boom(Exception):\n    pass\ndef handler(event, context):\n    raise Boom('bang')\n")
    function("sleeps", "import time\ndef handler(event, context):\n    time.sleep(5)\n")
    aws.client("dynamodb").create_table(
        TableName="attempts",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture(scope="module")
def token(aws: LocalAws) -> Callable[[str], str]:
    """The token that a waiting task stored under a name."""
    ssm = aws.client("ssm")

    def read(name: str) -> str | None:
        found = ssm.get_parameters(Names=[name])["Parameters"]
        return str(found[0]["Value"]) if found else None

    return lambda name: str(eventually(lambda: read(name)))


@pytest.fixture(scope="module")
def start(aws: LocalAws, machine: Callable[..., str]) -> Callable[..., str]:
    def begin(definition: dict[str, Any], given: Any = None) -> str:
        answer = aws.client("stepfunctions").start_execution(
            stateMachineArn=machine(definition), input=json.dumps(given or {})
        )
        return str(answer["executionArn"])

    return begin


EXPRESSIONS = [
    ("$states.input.a + 1", {"a": 1}, 2),
    ("'x' & $string($states.input.a)", {"a": 1}, "x1"),
    ("$states.input.xs[$ > 1]", {"xs": [1, 2, 3]}, [2, 3]),
    ("$sum($map($states.input.xs, function($x) { $x.n * 2 }))", {"xs": [{"n": 1}, {"n": 2}]}, 6),
    ("$merge([$states.input, {'b': 2}])", {"a": 1}, {"a": 1, "b": 2}),
    ("$states.input.a ? 'yes' : 'no'", {"a": True}, "yes"),
    ("$contains($states.input.s, /b+/)", {"s": "abbc"}, True),
    ("$split($states.input.s, '/')[-1]", {"s": "a/b"}, "b"),
    ("$exists($states.input.missing)", {}, False),
    ("$hash('x', 'SHA-256')", {}, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"),
    ("$parse('{\"k\": [1]}').k", {}, [1]),
    ("$range(1, 5, 2)", {}, [1, 3, 5]),
    ("$partition([1, 2, 3], 2)", {}, [[1, 2], [3]]),
    ("$length($uuid())", {}, 36),
    ("$states.context.State.Name", {}, "Only"),
    ("$states.input", {"text": 'it\'s "q" \\ ünï\n'}, {"text": 'it\'s "q" \\ ünï\n'}),
]


@pytest.mark.parametrize(("expression", "given", "expected"), EXPRESSIONS, ids=[e[0] for e in EXPRESSIONS])
def test_jsonata_expressions_have_their_values(run: Run, expression: str, given: Any, expected: Any) -> None:
    assert run(one({"Type": "Pass", "Output": {"value": "{% " + expression + " %}"}}), given)["output"] == {
        "value": expected
    }


def test_an_output_that_is_a_text_is_a_json_document(run: Run) -> None:
    assert run(one({"Type": "Pass", "Output": "{% 'plain' %}"}))["output"] == "plain"


def test_an_undefined_result_is_a_query_evaluation_error(run: Run) -> None:
    assert run(one({"Type": "Pass", "Output": "{% $states.input.missing %}"}))["error"] == "States.QueryEvaluationError"


def test_a_task_assigns_a_variable_that_later_states_read(run: Run) -> None:
    states = {
        "Ask": task(
            "echo", {"v": "{% $states.input.a * 2 %}"}, Assign={"answer": "{% $states.result.Payload %}"}, Next="Read"
        ),
        "Read": {
            "Type": "Pass",
            "Output": {"v": "{% $answer.v %}", "given": "{% $states.context.Execution.Input.a %}"},
            "End": True,
        },
    }
    assert run(jsonata(states), {"a": 4})["output"] == {"v": 8, "given": 4}


@pytest.mark.parametrize(("amount", "expected"), [(5, "many"), (1, "few")])
def test_a_choice_follows_the_condition_and_assigns(run: Run, amount: int, expected: str) -> None:
    choice = {"Condition": "{% $states.input.n > 3 %}", "Assign": {"word": "many"}, "Next": "Say"}
    states = {
        "Decide": {"Type": "Choice", "Choices": [choice], "Default": "Say", "Assign": {"word": "few"}},
        "Say": {"Type": "Succeed", "Output": "{% $word %}"},
    }
    assert run(jsonata(states), {"n": amount})["output"] == expected


def test_a_choice_without_a_match_has_its_own_error(run: Run) -> None:
    choice = {"Condition": "{% false %}", "Next": "End"}
    states = {"Decide": {"Type": "Choice", "Choices": [choice]}, "End": {"Type": "Succeed"}}
    assert run(jsonata(states))["error"] == "States.NoChoiceMatched"


def test_fail_ends_with_its_error_and_cause(run: Run) -> None:
    ended = run(
        jsonata({"Stop": {"Type": "Fail", "Error": "Conflict", "Cause": "{% 'because of ' & $states.input.x %}"}}),
        {"x": "y"},
    )
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Conflict", "because of y")


def test_catch_names_the_error_and_assigns_it(run: Run) -> None:
    catch = [{"ErrorEquals": ["Boom"], "Assign": {"failure": "{% $states.errorOutput %}"}, "Next": "Read"}]
    states = {"Try": task("fails", Catch=catch, End=True), "Read": {"Type": "Succeed", "Output": "{% $failure %}"}}
    output = run(jsonata(states))["output"]
    assert output["Error"] == "Boom"
    assert json.loads(output["Cause"])["errorMessage"] == "bang"


def test_an_uncaught_error_is_the_end_of_the_execution(run: Run) -> None:
    ended = run(one(task("fails")))
    assert (ended["status"], ended["error"]) == ("FAILED", "Boom")


def test_retries_happen_at_the_speed_of_the_cloud(run: Run) -> None:
    retry = [
        {
            "ErrorEquals": ["Transient"],
            "IntervalSeconds": 30,
            "BackoffRate": 2,
            "MaxAttempts": 3,
            "JitterStrategy": "FULL",
            "MaxDelaySeconds": 60,
        }
    ]
    started = time.monotonic()
    ended = run(one(task("flaky", {"id": "jitter", "until": 3}, Retry=retry, Output="{% $states.result.Payload %}")))
    assert ended["output"] == {"attempts": 3}
    assert time.monotonic() - started < 5


def test_exhausted_retries_fail_with_the_last_error(run: Run) -> None:
    retry = [{"ErrorEquals": ["Transient"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    assert run(one(task("flaky", {"id": "never", "until": 9}, Retry=retry)))["error"] == "Transient"


def test_waits_pass_at_the_speed_of_the_cloud(run: Run) -> None:
    started = time.monotonic()
    assert run(one({"Type": "Wait", "Seconds": 60}))["status"] == "SUCCEEDED"
    assert 0.9 < time.monotonic() - started < 3


def test_task_timeouts_are_real_seconds(run: Run) -> None:
    started = time.monotonic()
    ended = run(one(task("sleeps", TimeoutSeconds=1)))
    assert ended["error"] == "States.Timeout"
    assert 0.9 < time.monotonic() - started < 3


def test_a_missing_function_is_a_lambda_error(run: Run) -> None:
    assert run(one(task("not-there")))["error"] == "Lambda.ResourceNotFoundException"


def test_a_switched_on_fault_reaches_the_machine(aws: LocalAws, run: Run) -> None:
    aws.fault("lambda", "Invoke", "TooManyRequestsException", times=2, status=429)
    retry = [{"ErrorEquals": ["Lambda.TooManyRequestsException"], "IntervalSeconds": 1, "MaxAttempts": 5}]
    ended = run(one(task("echo", {"x": 1}, Retry=retry, Output="{% $states.result.Payload %}")))
    assert ended["output"] == {"x": 1}


def test_a_task_token_returns_its_output(
    aws: LocalAws, start: Callable[..., str], token: Callable[[str], str], finish: Run
) -> None:
    arn = start(one(token_task("success", Output="{% $states.result %}")))
    aws.client("stepfunctions").send_task_success(taskToken=token("success"), output='{"ok": true}')
    assert finish(arn)["output"] == {"ok": True}


def test_a_task_failure_keeps_its_error_and_cause(
    aws: LocalAws, start: Callable[..., str], token: Callable[[str], str], finish: Run
) -> None:
    arn = start(one(token_task("failure")))
    aws.client("stepfunctions").send_task_failure(
        taskToken=token("failure"), error="WorkloadFailed", cause="out of memory"
    )
    ended = finish(arn)
    assert (ended["error"], ended["cause"]) == ("WorkloadFailed", "out of memory")


def test_a_token_is_over_when_its_task_or_execution_is(
    aws: LocalAws, start: Callable[..., str], token: Callable[[str], str], finish: Run
) -> None:
    sfn = aws.client("stepfunctions")
    arn = start(one(token_task("over")))
    sfn.send_task_success(taskToken=token("over"), output="1")
    finish(arn)
    with pytest.raises(sfn.exceptions.TaskTimedOut):
        sfn.send_task_success(taskToken=token("over"), output="1")
    with pytest.raises(sfn.exceptions.InvalidToken):
        sfn.send_task_heartbeat(taskToken="unknown")
    with pytest.raises(sfn.exceptions.InvalidOutput):
        sfn.send_task_success(taskToken="unknown", output="not json")


def test_a_missing_heartbeat_is_a_timeout(run: Run) -> None:
    assert run(one(token_task("heartbeat", HeartbeatSeconds=1, TimeoutSeconds=30)))["error"] in (
        "States.Timeout",
        "States.HeartbeatTimeout",
    )


def test_a_map_waits_for_one_token_after_the_other(
    aws: LocalAws, start: Callable[..., str], token: Callable[[str], str], finish: Run
) -> None:
    inner = token_task(
        "{% $states.input.name %}", Assign={"step": "{% $states.result.n %}"}, Output="{% $states.result %}", End=True
    )
    each = {
        "Type": "Map",
        "Items": "{% $states.input.names %}",
        "ItemSelector": {"name": "{% $states.context.Map.Item.Value %}"},
        "MaxConcurrency": 1,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Step", "States": {"Step": inner}},
        "Assign": {"results": "{% $states.result %}"},
        "Next": "Done",
    }
    arn = start(
        jsonata({"Each": each, "Done": {"Type": "Succeed", "Output": "{% $results %}"}}),
        {"names": ["step-a", "step-b"]},
    )
    first = token("step-a")
    assert not aws.client("ssm").get_parameters(Names=["step-b"])["Parameters"]
    aws.client("stepfunctions").send_task_success(taskToken=first, output='{"n": 1}')
    aws.client("stepfunctions").send_task_success(taskToken=token("step-b"), output='{"n": 2}')
    assert finish(arn)["output"] == [{"n": 1}, {"n": 2}]


def test_a_branch_keeps_the_name_of_a_states_error(run: Run) -> None:
    inner = {"Type": "Pass", "Output": "{% $states.input.missing %}", "End": True}
    each = {
        "Type": "Map",
        "Items": [1],
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Step", "States": {"Step": inner}},
        "Catch": [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "Caught"}],
        "End": True,
    }
    assert run(jsonata({"Each": each, "Caught": {"Type": "Succeed", "Output": "caught"}}))["output"] == "caught"


def test_stopping_while_a_token_is_awaited_is_prompt(
    aws: LocalAws, start: Callable[..., str], token: Callable[[str], str]
) -> None:
    sfn = aws.client("stepfunctions")
    arn = start(one(token_task("stopped", Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Only"}])))
    token("stopped")
    sfn.stop_execution(executionArn=arn, error="Cancelled", cause="by hand")
    found = sfn.describe_execution(executionArn=arn)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Cancelled", "by hand")
    last = eventually(
        lambda: [e for e in sfn.get_execution_history(executionArn=arn)["events"] if e["type"] == "ExecutionAborted"]
    )
    assert last[0]["executionAbortedEventDetails"]["cause"] == "by hand"
    assert sfn.describe_execution(executionArn=arn)["status"] == "ABORTED"


def test_a_machine_that_takes_too_long_times_out(aws: LocalAws, run: Run) -> None:
    ended = run(one(token_task("too-long"), TimeoutSeconds=1))
    assert ended["status"] == "TIMED_OUT"
    assert ended["stopDate"] >= ended["startDate"]


def test_no_thread_stays_with_a_stopped_execution(
    aws: LocalAws, start: Callable[..., str], token: Callable[[str], str]
) -> None:
    before = threading.active_count()
    arn = start(one(token_task("threads")))
    token("threads")
    aws.client("stepfunctions").stop_execution(executionArn=arn)
    assert eventually(lambda: threading.active_count() <= before)


def test_starting_again_with_the_same_name_and_input_is_the_same_execution(
    aws: LocalAws, machine: Callable[..., str]
) -> None:
    sfn, arn = aws.client("stepfunctions"), machine(one(token_task("idempotent")))
    first = sfn.start_execution(stateMachineArn=arn, name="same", input='{"a": 1}')
    assert (
        sfn.start_execution(stateMachineArn=arn, name="same", input='{"a": 1}')["executionArn"] == first["executionArn"]
    )
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        sfn.start_execution(stateMachineArn=arn, name="same", input='{"a": 2}')
    sfn.stop_execution(executionArn=first["executionArn"])
    with pytest.raises(sfn.exceptions.ExecutionAlreadyExists):
        sfn.start_execution(stateMachineArn=arn, name="same", input='{"a": 1}')


def test_executions_without_a_name_get_one_each(aws: LocalAws, machine: Callable[..., str]) -> None:
    sfn, arn = aws.client("stepfunctions"), machine(one({"Type": "Pass"}))
    assert (
        sfn.start_execution(stateMachineArn=arn)["executionArn"]
        != sfn.start_execution(stateMachineArn=arn)["executionArn"]
    )


def test_histories_come_in_pages_and_from_both_ends(aws: LocalAws, run: Run) -> None:
    sfn = aws.client("stepfunctions")
    arn = run(one(task("echo")))["executionArn"]
    everything = sfn.get_execution_history(executionArn=arn)["events"]
    pages = sfn.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 2})
    assert [e["id"] for page in pages for e in page["events"]] == [e["id"] for e in everything]
    newest = sfn.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=1)["events"]
    assert newest[0]["type"] == "ExecutionSucceeded"


def test_status_changes_are_announced(
    aws: LocalAws, run: Run, queue: Callable[..., tuple[str, str]], messages: Messages
) -> None:
    url, arn = queue("status-changes")
    events = aws.client("events")
    events.put_rule(
        Name="status", EventPattern=json.dumps({"source": ["aws.states"], "detail": {"status": ["FAILED"]}})
    )
    events.put_targets(Rule="status", Targets=[{"Id": "q", "Arn": arn}])
    ended = run(one(task("fails")), {"k": "v"})
    event = json.loads(messages(url)[0]["Body"])
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert event["detail"]["executionArn"] == ended["executionArn"]
    assert json.loads(event["detail"]["input"]) == {"k": "v"}
    assert event["detail"]["error"] == "Boom"
    assert isinstance(event["detail"]["stopDate"], int)


SDK_CALLS = [
    ("aws-sdk:ssm:putParameter", {"Name": "/sdk", "Value": "v", "Type": "String"}, "Version"),
    ("aws-sdk:sts:getCallerIdentity", {}, "Account"),
    ("dynamodb:putItem", {"TableName": "attempts", "Item": {"id": {"S": "sdk"}}}, "SdkHttpMetadata"),
    ("aws-sdk:eks:listClusters", {}, "Clusters"),
    ("aws-sdk:fsx:describeFileSystems", {}, "FileSystems"),
]


@pytest.mark.parametrize(("resource", "arguments", "member"), SDK_CALLS, ids=[c[0] for c in SDK_CALLS])
def test_states_call_other_services(run: Run, resource: str, arguments: dict[str, Any], member: str) -> None:
    ended = run(one({"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments}))
    assert ended["status"] == "SUCCEEDED", ended
    assert member == "SdkHttpMetadata" or member in ended["output"]


def test_errors_of_other_services_have_sdk_names(run: Run) -> None:
    state = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ssm:getParameter", "Arguments": {"Name": "/missing"}}
    assert run(one(state))["error"] == "Ssm.ParameterNotFoundException"


def test_both_query_languages_are_parsed_at_once(run: Run) -> None:
    path = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"o.$": "$.a"}, "End": True}}}
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(run(path, {"a": 1})["output"])) for _ in range(4)]
    threads += [
        threading.Thread(
            target=lambda: results.append(run(one({"Type": "Pass", "Output": {"o": "{% 1 %}"}}))["output"])
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [{"o": 1}] * 8

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from localcloud.aws import LocalAws, runtime

Invoke = Callable[..., tuple[Any, str]]
Function = Callable[..., str]


def test_a_handler_gets_its_event_and_returns_its_result(function: Function, invoke: Invoke) -> None:
    function("echo", "def handler(event, context):\n    return {'got': event, 'name': context.function_name}\n")
    assert invoke("echo", {"a": 1}) == ({"got": {"a": 1}, "name": "echo"}, "")


def test_a_warm_process_is_used_again(function: Function, invoke: Invoke) -> None:
    function("pid", "import os\ndef handler(event, context):\n    return os.getpid()\n")
    assert invoke("pid") == invoke("pid")


@pytest.mark.parametrize(("at_once", "patience", "processes"), [(3, 60, 3), (1, 60, 1), (1, 0.1, 3)])
def test_parallel_invocations_get_a_process_each_once_they_have_waited_for_a_free_one(
    function: Function,
    invoke: Invoke,
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
    patience: float,
    processes: int,
) -> None:
    monkeypatch.setattr(runtime, "AT_ONCE", at_once)
    monkeypatch.setattr(runtime, "PATIENCE", patience)
    source = "import os, time\ndef handler(event, context):\n    time.sleep(1)\n    return os.getpid()\n"
    function(f"slow-pid-{at_once}-{processes}", source)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: invoke(f"slow-pid-{at_once}-{processes}")[0], range(3)))
    assert len(set(answers)) == processes


@pytest.mark.parametrize(
    ("name", "source", "error"),
    [
        ("raises", "def handler(event, context):\n    raise KeyError('missing')\n", "KeyError"),
        ("exits", "import os\ndef handler(event, context):\n    os._exit(3)\n", "Runtime.ExitError"),
        ("broken-import", "import not_there\ndef handler(event, context):\n    pass\n", "Runtime.ImportModuleError"),
        ("no-handler", "x = 1\n", "Runtime.HandlerNotFound"),
        ("set-result", "def handler(event, context):\n    return {1, 2}\n", "Runtime.MarshalError"),
        ("too-large", "def handler(event, context):\n    return 'x' * 7_000_000\n", "Function.ResponseSizeTooLarge"),
    ],
)
def test_failures_have_the_names_that_aws_gives_them(
    function: Function, invoke: Invoke, name: str, source: str, error: str
) -> None:
    function(name, source)
    payload, kind = invoke(name)
    assert (payload["errorType"], kind) == (error, "Unhandled")


def test_a_timeout_kills_the_process_and_its_children(function: Function, invoke: Invoke, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    source = (
        "import subprocess, time\ndef handler(event, context):\n"
        "    child = subprocess.Popen(['sleep', '60'])\n    open(event['file'], 'w').write(str(child.pid))\n    time.sleep(60)\n"
    )
    function("sleeper", source, Timeout=1)
    payload, _ = invoke("sleeper", {"file": str(pid_file)})
    assert payload["errorType"] == "Sandbox.Timedout"
    assert not _runs(int(pid_file.read_text()))


def _runs(pid: int) -> bool:
    """A killed child of a killed parent may remain as a zombie where nobody reaps orphans."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_function_works_again_after_a_crash(function: Function, invoke: Invoke) -> None:
    function(
        "moody",
        "import os\ndef handler(event, context):\n    if event.get('die'):\n        os._exit(1)\n    return 'alive'\n",
    )
    invoke("moody", {"die": True})
    assert invoke("moody") == ("alive", "")


def test_a_process_that_dies_while_idle_is_replaced(function: Function, invoke: Invoke) -> None:
    source = (
        "import os, threading\ndef handler(event, context):\n"
        "    threading.Timer(0.1, os._exit, [1]).start()\n    return 'answered'\n"
    )
    function("fragile", source)
    invoke("fragile")
    time.sleep(0.5)
    assert invoke("fragile") == ("answered", "")


def test_the_host_environment_does_not_leak(
    function: Function, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HOST_SECRET", "hush")
    function(
        "env",
        "import os\ndef handler(event, context):\n    return dict(os.environ)\n",
        Environment={"Variables": {"MINE": "1"}},
    )
    seen, _ = invoke("env")
    assert "HOST_SECRET" not in seen
    assert "AWS_PROFILE" not in seen
    assert seen["MINE"] == "1"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "env"


def test_what_a_handler_prints_is_in_its_log_group_and_in_the_tail(aws: LocalAws, function: Function) -> None:
    function(
        "talker", "def handler(event, context):\n    print('good morning')\n", LoggingConfig={"LogGroup": "/elsewhere"}
    )
    answer = aws.client("lambda").invoke(FunctionName="talker", LogType="Tail")
    logs = aws.client("logs")
    stream = logs.describe_log_streams(logGroupName="/elsewhere")["logStreams"][0]["logStreamName"]
    events = logs.get_log_events(logGroupName="/elsewhere", logStreamName=stream)["events"]
    assert "good morning" in [event["message"] for event in events]
    assert b"good morning" in base64.b64decode(answer["LogResult"])


def test_a_handler_reaches_the_cloud_it_runs_in(aws: LocalAws, function: Function, invoke: Invoke) -> None:
    aws.client("s3").create_bucket(Bucket="reachable")
    source = "import boto3\ndef handler(event, context):\n    return [b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']]\n"
    function("lister", source)
    assert "reachable" in invoke("lister")[0]


@pytest.mark.parametrize(
    "attempt",
    [
        "open(path + '/file').read()",
        "open(path + '/new', 'w')",
        "os.listdir(path)",
        "os.mkdir(path + '/dir')",
        "os.rename(path + '/file', '/tmp/stolen')",
        "os.remove(path + '/file')",
        "__import__('pathlib').Path(path, 'file').read_text()",
        "os.open(path.encode() + b'/file', os.O_RDONLY)",
    ],
)
def test_a_denied_folder_is_out_of_reach(
    aws: LocalAws, function: Function, invoke: Invoke, tmp_path_factory: pytest.TempPathFactory, attempt: str
) -> None:
    folder = tmp_path_factory.mktemp("denied")
    (folder / "file").write_text("secret")
    aws.deny(folder)
    name = f"denied-{abs(hash(attempt))}"
    function(name, f"import os\ndef handler(event, context):\n    path = event['path']\n    return str({attempt})\n")
    payload, _ = invoke(name, {"path": str(folder)})
    assert payload["errorType"] == "PermissionError"
    assert (folder / "file").read_text() == "secret"


def test_without_the_extension_the_pure_runtime_client_serves(function: Function, invoke: Invoke) -> None:
    source = "import sys\ndef handler(event, context):\n    return sys.modules['runtime_client'].__file__\n"
    function("pure", source, Environment={"Variables": {"LOCALCLOUD_PURE_RUNTIME_CLIENT": "1"}})
    assert Path(invoke("pure")[0]).parts[-2:] == ("shim", "runtime_client.py")


def test_the_context_knows_how_much_time_is_left(function: Function, invoke: Invoke) -> None:
    function("left", "def handler(event, context):\n    return context.get_remaining_time_in_millis()\n", Timeout=7)
    assert 5_000 < invoke("left")[0] <= 7_000


def test_invoking_asynchronously_returns_at_once(aws: LocalAws, function: Function) -> None:
    function("lazy", "import time\ndef handler(event, context):\n    time.sleep(3)\n")
    started = time.monotonic()
    answer = aws.client("lambda").invoke(FunctionName="lazy", InvocationType="Event", Payload=json.dumps({}).encode())
    assert answer["StatusCode"] == 202
    assert time.monotonic() - started < 1


def test_a_line_in_the_embedded_metric_format_becomes_metrics_and_others_stay_lines(
    aws: LocalAws, function: Function, invoke: Invoke
) -> None:
    source = (
        "import json, time\ndef handler(event, context):\n"
        "    head = {'Timestamp': int(time.time() * 1000), 'CloudWatchMetrics': [{'Namespace': 'Pond', 'Dimensions': [['kind'], []],\n"
        "            'Metrics': [{'Name': 'Splash', 'Unit': 'Count'}, {'Name': 'Absent'}]}]}\n"
        "    print(json.dumps({'_aws': head, 'kind': 'frog', 'Splash': [2.0, 3.0]}))\n"
        "    print('{\"_aws\": broken')\n"
    )
    function("splashes", source)
    invoke("splashes")
    kept = aws.client("cloudwatch").list_metrics(Namespace="Pond")["Metrics"]
    assert {(m["MetricName"], tuple(d["Value"] for d in m["Dimensions"])) for m in kept} == {
        ("Splash", ("frog",)),
        ("Splash", ()),
    }
    now = datetime.now(UTC)
    (point,) = aws.client("cloudwatch").get_metric_statistics(
        Namespace="Pond",
        MetricName="Splash",
        Dimensions=[{"Name": "kind", "Value": "frog"}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Sum"] == 5

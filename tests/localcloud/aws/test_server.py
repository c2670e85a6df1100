import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from localcloud.aws import LocalAws, deploy, seams
from tests.localcloud.aws.conftest import FIXTURES, ROLE, zipped

ENDLESS = "import time\ndef handler(event, context):\n    time.sleep(100)\n"


def children() -> set[int]:
    found = subprocess.run(["ps", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in found.splitlines()]
    return {int(row[0]) for row in rows if int(row[1]) == os.getpid() and row[2] != "ps"}


def test_no_thread_and_no_process_survives_a_stop(tmp_path: Path) -> None:
    threads, processes = set(threading.enumerate()), children()
    with LocalAws(tmp_path, speed=60) as aws:
        outputs = deploy(aws, FIXTURES / "template.yaml", "rows", {})
        aws.client("lambda").invoke(
            FunctionName=outputs["CountRows"], Payload=json.dumps({"id": "x", "text": "one"}).encode()
        )
        aws.client("iam").create_role(RoleName="test", AssumeRolePolicyDocument="{}")
        aws.client("lambda").create_function(
            FunctionName="endless",
            Runtime="python3.13",
            Role=ROLE,
            Handler="app.handler",
            Timeout=300,
            Code={"ZipFile": zipped({"app.py": ENDLESS})},
        )
        aws.client("lambda").invoke(FunctionName="endless", InvocationType="Event")
        states = {"Wait": {"Type": "Wait", "Seconds": 100_000, "End": True}}
        arn = aws.client("stepfunctions").create_state_machine(
            name="endless", roleArn=ROLE, definition=json.dumps({"StartAt": "Wait", "States": states})
        )["stateMachineArn"]
        aws.client("stepfunctions").start_execution(stateMachineArn=arn)
        time.sleep(0.5)
        assert children() - processes
        started = time.monotonic()
    assert time.monotonic() - started < 5
    assert set(threading.enumerate()) - threads == set()
    assert children() - processes == set()


def test_a_second_account_in_the_same_process_is_empty(tmp_path: Path) -> None:
    with LocalAws(tmp_path) as first:
        first.client("s3").create_bucket(Bucket="left-over")
        first.client("stepfunctions").create_state_machine(
            name="left-over",
            roleArn=ROLE,
            definition='{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}',
        )
    with LocalAws(tmp_path) as second:
        assert second.client("s3").list_buckets()["Buckets"] == []
        assert second.client("stepfunctions").list_state_machines()["stateMachines"] == []


def test_two_accounts_at_once_are_refused(tmp_path: Path) -> None:
    with LocalAws(tmp_path), pytest.raises(RuntimeError, match="another LocalAws"):
        LocalAws(tmp_path / "other").start()
    with LocalAws(tmp_path) as again:
        assert again.endpoint


def test_a_chosen_port_is_used(tmp_path: Path) -> None:
    with LocalAws(tmp_path) as any_port:
        port = int(any_port.endpoint.rpartition(":")[2])
    with LocalAws(tmp_path, port=port) as aws:
        assert aws.endpoint == f"http://127.0.0.1:{port}"


def test_the_hosts_configuration_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with LocalAws(tmp_path) as aws:
        outputs = deploy(aws, FIXTURES / "template.yaml", "rows", {})
        assert ":us-east-1:" in outputs["Machine"]
        assert aws.client("sts").get_caller_identity()["Account"] == aws.account


def test_moto_is_as_it_was_after_a_stop(tmp_path: Path) -> None:
    before = {seam: seams.Replacements.original(seam) for seam in seams.SEAMS}
    with LocalAws(tmp_path):
        assert seams.Replacements.original(seams.SEAMS[0]) is not before[seams.SEAMS[0]]
    assert {seam: seams.Replacements.original(seam) for seam in seams.SEAMS} == before


def test_every_seam_in_the_table_is_used(tmp_path: Path) -> None:
    before = {seam: seams.Replacements.original(seam) for seam in seams.SEAMS}
    with LocalAws(tmp_path):
        unused = [seam for seam in seams.SEAMS if seams.Replacements.original(seam) is before[seam]]
    assert unused == []


def test_a_missing_seam_is_named() -> None:
    with pytest.raises(seams.SeamsMissing, match=r"Rule\.send_by_pigeon"):
        seams.check((*seams.SEAMS, "moto.events.models:Rule.send_by_pigeon"))


def test_another_version_of_moto_is_refused() -> None:
    with pytest.raises(seams.SeamsMissing, match=r"needs moto 4\.0\.0"):
        seams.check(moto_version="4.0.0")


def test_a_replacement_outside_the_table_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        seams.Replacements().replace("moto.events.models:Rule.enable", None)

"""The command as people use it beside a run that goes on: followed, left, looked at again, cancelled too late."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.local import variables
from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys, until

QUICK = '{"recipe": "cpu-lora", "parameters": {"steps": 5, "base_steps": 40}}'


def rows(name: str) -> str:
    return "".join(f'{{"prompt": "How far is {name} {n}?", "completion": "{n} miles."}}\n' for n in range(20))


def start(journeys: Journeys, *arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, **variables(journeys.cloud.endpoint)}
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(journeys: Journeys, *arguments: str) -> tuple[int, str, str]:
    process = start(journeys, *arguments)
    out, err = process.communicate(timeout=180)
    return process.returncode, out, err


def drop(journeys: Journeys, folder: Path, name: str, *more: str) -> "subprocess.Popen[str]":
    (folder / f"{name}.jsonl").write_text(rows(name))
    (folder / "run.yaml").write_text(QUICK)
    return start(
        journeys, "drop", str(folder / f"{name}.jsonl"), "--project", PROJECT, "--run", str(folder / "run.yaml"), *more
    )


def name_of(dropped: "subprocess.Popen[str]") -> str:
    """The name to follow, from the second line that `drop` prints."""
    assert dropped.stdout is not None
    lines = [dropped.stdout.readline() for _ in range(2)]
    return lines[1].split()[-1]


def test_who_leaves_a_run_with_ctrl_c_is_told_how_to_look_again_and_it_goes_on_to_its_end(
    journeys: Journeys, tmp_path: Path
) -> None:
    dropped = drop(journeys, tmp_path, "left-alone", "--wait")
    execution = name_of(dropped)
    assert dropped.stdout is not None
    assert "RegisterDataset: succeeded" in dropped.stdout.readline()
    dropped.send_signal(signal.SIGINT)
    _, err = dropped.communicate(timeout=30)
    assert (dropped.returncode, "Traceback" in err) == (130, False)
    assert f"dropforge status {execution} --wait" in err
    assert f"dropforge cancel {execution}" in err
    assert journeys.finish(execution, 120)["status"] == "SUCCEEDED"
    code, out, _ = run(journeys, "cancel", execution, "--wait")
    assert (code, "was over already" in out) == (0, True)


def test_runs_are_listed_for_people_and_machines_as_status_says_them(journeys: Journeys, tmp_path: Path) -> None:
    first, second = (drop(journeys, tmp_path, name) for name in ("listed", "listed-too"))
    executions = [name_of(first), name_of(second)]
    for process in (first, second):
        process.communicate(timeout=60)
    until(lambda: len(listed(journeys, "--state", "running")) >= 1, 60)
    ended = [journeys.finish(execution, 120)["status"] for execution in executions]
    assert ended == ["SUCCEEDED", "SUCCEEDED"]
    (line,) = listed(journeys, "--dataset", "listed")
    assert (line["state"], line["model_arn"]) == ("succeeded", journeys.packages("listed")[0])
    assert journeys.journey(line["id"])["run"]["status"] == line["state"]
    code, out, _ = run(journeys, "runs", "--since", "1h")
    assert (code, line["id"] in out) == (0, True)
    assert max(map(len, out.splitlines())) <= 80


def listed(journeys: Journeys, *filters: str) -> list[dict[str, str]]:
    code, out, err = run(journeys, "runs", *filters, "--json")
    assert code == 0, err
    found: list[dict[str, str]] = json.loads(out)
    return found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--project", "moon"], "ProjectNotOnboarded"),
        (["--since", "soon"], "is not a number of minutes, hours or days"),
        (["--state", "asleep"], "is not one of"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_in_words(journeys: Journeys, arguments: list[str], said: str) -> None:
    code, out, err = run(journeys, "runs", *arguments)
    assert (code in (1, 2), out, "Traceback" in err) == (True, "", False)
    assert said in " ".join(err.replace("│", "").split())


def test_logs_that_are_followed_give_every_line_of_every_step_once_and_end_with_the_run(
    journeys: Journeys, tmp_path: Path
) -> None:
    dropped = drop(journeys, tmp_path, "talkative")
    execution = name_of(dropped)
    dropped.communicate(timeout=60)
    until(lambda: journeys.jobs("talkative"), 60)
    code, out, err = run(journeys, "logs", "--follow", execution)
    assert (code, err) == (0, "")
    found = journeys.run_of(execution)
    steps = ("prefetch", "prepare", "train", "evaluate", "verify")
    kept = [line for step in steps for line in journeys.log(found, 1, step).splitlines()]
    said = [line for line in out.splitlines() if not line.startswith(("==", "(lines between"))]
    assert [line for line in kept if line not in said] == []
    if "(lines between" not in out:
        assert said == kept
    assert [line for line in out.splitlines() if line.startswith("==")] == [f"== {step}" for step in steps]


@pytest.mark.usefixtures("calm")
def test_who_follows_a_run_outlasts_a_deployment_that_is_busy(journeys: Journeys, tmp_path: Path) -> None:
    dropped = drop(journeys, tmp_path, "patient", "--wait")
    name_of(dropped)
    for number in range(1, 40):
        journeys.cloud.aws.fail_request("dropforge-dev-describe-run", "states", "DescribeExecution", number)
    out, err = dropped.communicate(timeout=180)
    assert dropped.returncode == 0, err
    assert "RegisterModel: succeeded" in out


@pytest.mark.usefixtures("calm")
def test_what_has_failed_before_it_is_cancelled_is_said_to_be_over_already(journeys: Journeys, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text('{"recipe": "cpu-lora", "parameters": {"fail_at_step": "3", "base_steps": 40}}')
    (tmp_path / "doomed.jsonl").write_text(rows("doomed"))
    request = str(tmp_path / "run.yaml")
    process = start(journeys, "drop", str(tmp_path / "doomed.jsonl"), "--project", PROJECT, "--run", request, "--wait")
    execution = name_of(process)
    process.communicate(timeout=180)
    assert process.returncode == 1
    until(lambda: journeys.journey(execution)["run"]["status"] == "failed", 60)
    code, out, _ = run(journeys, "cancel", execution, "--wait")
    assert (code, "was over already" in out) == (0, True)
    assert journeys.journey(execution)["failure"]["code"] == "JobFailed"

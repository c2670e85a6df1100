"""A plan before a drop tells what the drop then does: it waits, it starts, it could never, it has been done already."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from dropforge import naming
from dropforge.client import Client, Refused

from cli.local import variables
from localcloud.cloud import PROJECT, TEAM
from tests.journeys.conftest import NAMESPACE, Journeys, until
from tests.journeys.test_command import drop, name_of, rows, run
from tests.journeys.test_quota import admitted, change, one_cpu, spec_of, taken

__all__ = ["one_cpu"]
QUICK = '{"recipe": "cpu-lora", "parameters": {"steps": 5, "base_steps": 40}}'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A dataset that nobody has dropped, with its request beside it."""
    (tmp_path / "run.yaml").write_text(QUICK)
    (tmp_path / "foreseen.jsonl").write_text(rows("foreseen"))
    return tmp_path / "foreseen.jsonl"


def plan(journeys: Journeys, dataset: str, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    code, out, err = run(journeys, "plan", dataset, "--run", str(folder / "run.yaml"), "--json", *more)
    assert err == "" or code, err
    return code, json.loads(out)


def of_file(journeys: Journeys, file: Path) -> tuple[int, dict[str, Any]]:
    return plan(journeys, str(file), file.parent, "--project", PROJECT)


@contextmanager
def quota(journeys: Journeys, cpu: str) -> Iterator[None]:
    before = spec_of(journeys)["resourceGroups"]
    changed = json.loads(json.dumps(before))
    changed[0]["flavors"][0]["resources"][0]["nominalQuota"] = cpu
    change(journeys, {"resourceGroups": changed})
    yield
    change(journeys, {"resourceGroups": before})


def test_a_plan_says_later_while_another_job_holds_the_quota_and_now_once_it_is_gone(
    journeys: Journeys, one_cpu: None, file: Path
) -> None:
    with taken(journeys, NAMESPACE, naming.queue(TEAM)):
        until(lambda: admitted(journeys, NAMESPACE), 30)
        code, held = of_file(journeys, file)
    until(lambda: of_file(journeys, file)[1]["fit"]["answer"] == "now", 60)
    train = next(one for one in held["steps"] if one["step"]["name"] == "train")
    assert (code, held["fit"]["answer"], train["fit"]["why"]) == (
        0,
        "later",
        "1 more of cpu on local.cpu must become free.",
    )
    assert [holder["name"] for holder in held["fit"]["holders"]] == ["theirs"]
    assert [one["fit"]["answer"] for one in held["steps"] if one["step"]["name"] != "train"] == ["now"] * 4


def test_a_plan_of_more_than_the_quota_says_never_and_what_is_missing(journeys: Journeys, file: Path) -> None:
    with quota(journeys, "500m"):
        code, found = of_file(journeys, file)
    assert (code, found["fit"]["answer"]) == (1, "never")
    assert "It asks for 1 of cpu on local.cpu; the team may have 500m at most" in found["fit"]["why"]


def test_a_plan_knows_the_run_that_the_drop_makes_and_then_its_model(journeys: Journeys, file: Path) -> None:
    _, before = of_file(journeys, file)
    assert (before["reuse"]["answer"], before["fit"]["answer"], before["uploaded"]) == ("new", "now", False)
    assert journeys.jobs("foreseen") == []
    dropped = drop(journeys, file.parent, "foreseen", "--wait")
    execution = name_of(dropped)
    dropped.communicate(timeout=300)
    assert dropped.returncode == 0
    made = journeys.run_of(execution)
    assert (made["id"], made["identity"]) == (before["run_id"], before["identity"])
    key = journeys.rows("LATEST#" + PROJECT)["foreseen"]["upload"]["key"]
    for dataset in (str(file), f"{PROJECT}/foreseen", before["dataset_id"], f"s3://{journeys.bucket}/{key}"):
        code, after = plan(journeys, dataset, file.parent, *(("--project", PROJECT) if dataset == str(file) else ()))
        assert (code, after["reuse"]["answer"], after["reuse"]["model_arn"]) == (0, "reused", made["model_arn"])
        assert (after["manifests_sha256"], after["price"]["most_usd"]) == (before["manifests_sha256"], 0)
    (file.parent / "run.yaml").write_text(QUICK.replace("5,", "6,"))
    _, other = of_file(journeys, file)
    assert (other["reuse"]["answer"], other["reuse"]["compared_with"]) == ("new", made["id"])
    assert other["reuse"]["differences"] == [{"field": "parameters.steps", "before": "5", "now": "6"}]


def test_people_read_where_why_and_how_much_in_a_screen(journeys: Journeys, file: Path) -> None:
    code, out, err = run(journeys, "plan", str(file), "--project", PROJECT, "--run", str(file.parent / "run.yaml"))
    assert (code, err) == (0, "")
    for words in (
        "manifests:",
        "prefetch",
        "local.small",
        "fit:         now",
        "price:       $0.00 to $0.00",
        "us-east-1",
    ):
        assert words in out
    assert len(out.splitlines()) < 30


def test_a_stranger_learns_nothing_of_a_projects_plans(
    journeys: Journeys, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in variables(journeys.cloud.endpoint).items():
        monkeypatch.setenv(name, setting)
    iam = journeys.cloud.client("iam")
    iam.create_user(UserName="onlooker")
    key = iam.create_access_key(UserName="onlooker")["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])
    with pytest.raises(Refused) as raised:
        Client("dev", session).plan(file, PROJECT)
    assert raised.value.failure.code == "NotAMember"

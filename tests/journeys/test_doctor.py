"""`dropforge doctor` on the embedded cloud: what is well is said to be, what is taken away is named with what to do, and nothing is changed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cli.local import variables
from localcloud.cloud import CLUSTER, EKS_NAME, PROJECT
from tests.journeys.conftest import Journeys

READER = f"arn:aws:iam::123456789012:role/dropforge-dev-{CLUSTER}-reader"


def doctor(journeys: Journeys, **settings: str) -> tuple[int, dict[str, dict[str, str]]]:
    environment = {**os.environ, **variables(journeys.cloud.endpoint), **settings}
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "doctor", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    found: list[dict[str, str]] = json.loads(ran.stdout)
    return ran.returncode, {finding["what"]: finding for finding in found}


@contextmanager
def described(journeys: Journeys, noun: str, name: str, spec: dict[str, Any]) -> Iterator[None]:
    ssm, parameter = journeys.cloud.client("ssm"), f"/dropforge/dev/{noun}/{name}/spec"
    ssm.put_parameter(Name=parameter, Value=json.dumps(spec), Type="String")
    try:
        yield
    finally:
        ssm.delete_parameter(Name=parameter)


@contextmanager
def without_access(journeys: Journeys) -> Iterator[None]:
    eks = journeys.cloud.client("eks")
    eks.delete_access_entry(clusterName=EKS_NAME, principalArn=READER)
    try:
        yield
    finally:
        eks.create_access_entry(clusterName=EKS_NAME, principalArn=READER, kubernetesGroups=["dropforge-readers"])


def test_a_deployment_that_works_misses_nothing(journeys: Journeys) -> None:
    code, found = doctor(journeys)
    assert (code, [f for f in found.values() if f["verdict"] == "missing"]) == (0, [])
    well = {what for what, finding in found.items() if finding["verdict"] == "ok"}
    assert {
        "caller",
        "stack dropforge-dev",
        f"project {PROJECT}",
        "image cpu-trainer",
        "image evaluator",
        f"cluster {CLUSTER}",
        f"cluster {CLUSTER}, reader",
        f"cluster {CLUSTER}, writer's access",
        f"cluster {CLUSTER}, file system",
        f"cluster {CLUSTER}, /datasets",
        f"cluster {CLUSTER}, /exports",
    } <= well


def test_what_this_cloud_cannot_say_is_unknown_and_not_well(journeys: Journeys) -> None:
    assert doctor(journeys)[1]["Lambda quota"]["verdict"] == "unknown"


def test_a_role_without_an_access_entry_is_named_with_the_command_to_make_it(journeys: Journeys) -> None:
    with without_access(journeys):
        code, found = doctor(journeys)
    access = found[f"cluster {CLUSTER}, reader's access"]
    assert (code, access["verdict"]) == (1, "missing")
    assert "create-access-entry" in access["next"]
    assert "dropforge-readers" in access["next"]


@pytest.mark.parametrize(
    ("noun", "spec", "said"),
    [
        ("projects", {"name": "pond", "team": "vision", "cluster": "moon"}, "runs on `moon`, which is not described"),
        ("projects", {"name": "sea", "team": "vision", "cluster": CLUSTER}, "calls itself `sea`"),
        ("projects", {"name": "pond", "team": "Vision!"}, "cannot be read"),
        ("images", {"uri": "registry.example/tiny:latest", "inputs": "a"}, "is named by tag"),
        ("images", {"uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/gone@sha256:0", "inputs": "a"}, "holds no"),
        (
            "clusters",
            {
                "name": "pond",
                "eks_name": "moon",
                "reader_role": "arn:aws:iam::123456789012:role/nobody",
                "writer_role": READER,
                "file_system": "fs-00000000000000000",
                "claim": "fsx",
                "mount_path": "/fsx",
                "scratch_path": "/tmp",  # noqa: S108  a path inside the container
                "prices": {"as_of": "2026-11-25", "usd_per_hour": {}},
            },
            "EKS knows no `moon`",
        ),
    ],
)
def test_what_is_described_wrongly_is_missing_and_says_why(
    journeys: Journeys, noun: str, spec: dict[str, Any], said: str
) -> None:
    with described(journeys, noun, "pond", spec):
        code, found = doctor(journeys)
    finding = found[f"{noun[:-1]} pond"]
    assert (code, finding["verdict"]) == (1, "missing")
    assert said in finding["said"]
    assert finding["next"]


def test_before_the_first_deploy_it_says_what_to_do_first(journeys: Journeys) -> None:
    code, found = doctor(journeys, DROPFORGE_ENVIRONMENT="prod")
    assert (code, found["stack dropforge-prod"]["verdict"]) == (1, "missing")
    assert "make build" in found["stack dropforge-prod"]["next"]
    assert {found[noun]["said"] for noun in ("projects", "clusters", "images")} == {"none is described"}

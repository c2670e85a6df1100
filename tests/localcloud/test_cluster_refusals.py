"""Why a cluster does not let us in, through everything that has a say in it: a client of its own process, STS, EKS, the cluster, RBAC.

tests/functions/test_access.py has the cases one by one; here EKS answers for itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from dropforge import naming
from dropforge.domain import onboarding
from dropforge.domain.clusters import Cluster
from dropforge.domain.prices import Prices
from kubernetes.client import RbacAuthorizationV1Api

from localcloud.aws import LocalAws
from localcloud.eks_tokens import EksTokens
from localcloud.kubernetes import LocalCluster
from localcloud.team import prepare_team

EKS_NAME = "research-eks"
TEAM = "vision"
PROGRAM = """
import sys
from datetime import UTC, datetime, timedelta

import time_machine
from dropforge.adapters import cluster
from dropforge.adapters.connections import connect
from dropforge.domain.clusters import Cluster
from dropforge.errors import Problem

spec, namespace, minutes = Cluster.model_validate_json(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes)):
    try:
        print(list(cluster.list_jobs(connect(spec, "reader"), namespace, "")))
    except Problem as problem:
        print(problem.failure.model_dump_json())
"""


class Place(NamedTuple):
    """An account with a cluster in which a team works."""

    aws: LocalAws
    cluster: LocalCluster
    spec: Cluster

    def look(self, minutes: int = 0, **changed: str) -> Any:
        """Look at the team's jobs from another process, whose clock is this far off, and give its answer."""
        spec = self.spec.model_copy(update=changed).model_dump_json()
        said = subprocess.run(
            [sys.executable, "-c", PROGRAM, spec, naming.namespace(TEAM), str(minutes)],
            env={**os.environ, **self._environment()},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return json.loads(said.stdout)

    def _environment(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        return {**keys, "AWS_ENDPOINT_URL": self.aws.endpoint}

    def let_in(self, role: str, kind: str) -> None:
        groups = [onboarding.group(kind)]
        self.aws.client("eks").create_access_entry(clusterName=EKS_NAME, principalArn=role, kubernetesGroups=groups)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    with LocalAws(folder / "aws", speed=600) as aws:
        tokens = EksTokens(EKS_NAME, aws.account, lambda role: aws.access_entry(EKS_NAME, role), aws.time)
        with LocalCluster(EKS_NAME, folder / "cluster", images={}, tokens=tokens, ahead=aws.ahead) as cluster:
            aws.register_cluster(EKS_NAME, cluster.endpoint, cluster.ca_pem)
            prepare_team(cluster, TEAM)
            roles = {
                f"{kind}_role": f"arn:aws:iam::{aws.account}:role/research-{kind}" for kind in ("reader", "writer")
            }
            paths = {"file_system": "fs-1", "claim": "fsx", "mount_path": "/fsx", "scratch_path": "/tmp"}  # noqa: S108
            free = Prices(as_of="2026-11-25", usd_per_hour={})
            made = Place(aws, cluster, Cluster(name="research", eks_name=EKS_NAME, prices=free, **roles, **paths))
            made.let_in(made.spec.reader_role, "reader")
            yield made


def test_a_role_with_an_entry_and_a_rule_is_let_in(place: Place) -> None:
    assert place.look() == []


def test_a_token_of_a_clock_that_is_wrong_is_told_as_such(place: Place) -> None:
    failure = place.look(minutes=-20)
    assert failure["code"] == "ClusterTokenExpired"
    assert "+20 minutes away" in failure["why"]


def test_a_cluster_whose_account_jumped_takes_no_token_of_before(place: Place) -> None:
    place.aws.jump(20 * 60)
    failure = place.look()
    place.aws.jump(-20 * 60)
    assert (failure["code"], "+20 minutes away" in failure["why"]) == ("ClusterTokenExpired", True)
    assert place.look() == []


def test_a_name_that_no_cluster_has_is_told_as_such(place: Place) -> None:
    failure = place.look(eks_name="reserach-eks")
    assert failure["code"] == "ClusterNameMismatch"
    assert "no EKS cluster `reserach-eks`" in failure["why"]


def test_the_name_of_another_cluster_is_told_as_such(place: Place) -> None:
    place.aws.register_cluster("other-eks", place.cluster.endpoint, place.cluster.ca_pem)
    client = place.aws.client("eks")
    client.create_access_entry(clusterName="other-eks", principalArn=place.spec.reader_role)
    failure = place.look(eks_name="other-eks")
    assert failure["code"] == "ClusterNameMismatch"
    assert "`other-eks`" in failure["why"]


def test_a_role_without_an_entry_is_told_as_such(place: Place) -> None:
    failure = place.look(reader_role=place.spec.writer_role)
    assert failure["code"] == "ClusterAccessMissing"
    assert place.spec.writer_role in failure["why"]
    assert "aws eks create-access-entry" in failure["next"]


def test_a_rule_that_is_missing_is_written_out(place: Place) -> None:
    rbac = RbacAuthorizationV1Api(place.cluster.client())
    rbac.delete_namespaced_role("dropforge-reader", naming.namespace(TEAM))
    failure = place.look()
    prepare_team(place.cluster, TEAM)
    assert failure["code"] == "ClusterRuleMissing"
    assert failure["evidence"]["rule"] == '{apiGroups: ["batch"], resources: ["jobs"], verbs: ["list"]}'
    assert failure["evidence"]["role"] == place.spec.reader_role
    assert place.look() == []

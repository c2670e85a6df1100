import base64
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.aws import LocalAws
from tests.localcloud.aws.conftest import eventually

NETWORK = {"subnetIds": ["subnet-1", "subnet-2"]}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """Fast enough that a cluster is there after a second."""
    with LocalAws(tmp_path_factory.mktemp("aws"), speed=600) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def eks(aws: LocalAws) -> Any:
    return aws.client("eks")


def test_a_registered_cluster_tells_where_its_api_is(aws: LocalAws, eks: Any) -> None:
    aws.register_cluster("research", "https://127.0.0.1:6443", "PEM")
    cluster = eks.describe_cluster(name="research")["cluster"]
    assert (cluster["status"], cluster["endpoint"]) == ("ACTIVE", "https://127.0.0.1:6443")
    assert base64.b64decode(cluster["certificateAuthority"]["data"]) == b"PEM"
    assert cluster["arn"].endswith(":cluster/research")


def test_an_unknown_cluster_is_not_found(eks: Any) -> None:
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.describe_cluster(name="nowhere")


def test_a_created_cluster_becomes_active_and_can_be_deleted(aws: LocalAws, eks: Any) -> None:
    request = {"name": "made", "roleArn": "arn:aws:iam::123456789012:role/eks", "resourcesVpcConfig": NETWORK}
    assert eks.create_cluster(**request)["cluster"]["status"] == "CREATING"
    with pytest.raises(eks.exceptions.ResourceInUseException):
        eks.create_cluster(**request, clientRequestToken="other")
    aws.register_cluster("made", "https://127.0.0.1:7443", "PEM")
    assert "endpoint" not in eks.describe_cluster(name="made")["cluster"]
    active = eventually(lambda: (c := eks.describe_cluster(name="made")["cluster"])["status"] == "ACTIVE" and c, 20)
    assert active["endpoint"] == "https://127.0.0.1:7443"
    eks.delete_cluster(name="made")
    assert "made" not in eks.list_clusters()["clusters"]


def test_clusters_are_listed_in_pages(aws: LocalAws, eks: Any) -> None:
    for name in ("p1", "p2", "p3"):
        aws.register_cluster(name, "https://127.0.0.1:1", "PEM")
    pages = eks.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 1})
    names = [name for page in pages for name in page["clusters"]]
    assert {"p1", "p2", "p3"} <= set(names)
    assert len(names) == len(set(names))

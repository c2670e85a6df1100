"""One cluster for the suite: the one `KUBECONFIG` names, or the local one. The tests here hold on both.

A test uses nothing but the API. On a cluster that is not ours it works in namespaces of its own, which it deletes; what it must make outside of a
namespace (queues, flavors, definitions) bears the namespace's random name and is deleted as well.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from localcloud.kubernetes import LocalCluster
from tests.cluster.probe import Probe, eventually


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Any]:
    return eventually


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A path of a kubeconfig."""
    if given := os.environ.get("KUBECONFIG"):
        yield given
        return
    folder = tmp_path_factory.mktemp("cluster")
    with LocalCluster("suite", folder, images={}, speed=100, capacity={"cpu": "64"}) as running:
        path = Path(folder) / "kubeconfig"
        path.write_text(running.kubeconfig())
        yield str(path)


@pytest.fixture(scope="session")
def access(kubeconfig: str) -> client.Configuration:
    found = client.Configuration()
    config.load_kube_config(kubeconfig, client_configuration=found)
    return found


@pytest.fixture
def probe(access: client.Configuration) -> Iterator[Probe]:
    name = f"probe-{uuid.uuid4().hex[:8]}"
    mine = Probe(access, name)
    made = mine.post("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    assert made.code == 201
    yield mine
    mine.call("DELETE", f"/api/v1/namespaces/{name}")


@pytest.fixture
def patience() -> float:
    """Seconds for which nothing may change before a state counts as reached; a real controller looks less often than ours."""
    return 2.0 if os.environ.get("KUBECONFIG") else 0.3

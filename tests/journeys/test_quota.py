"""More runs than a team's quota: who waits says so in Kueue's words, who is preempted says why and loses only the steps since its last checkpoint."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from dropforge import naming
from kubernetes.client import CustomObjectsApi

from localcloud.cloud import TEAM
from tests.journeys.conftest import NAMESPACE, Journeys, until
from tests.journeys.test_cancel_and_retry import rows
from tests.journeys.test_recovery import loss_curve, steps_of

QUEUE = naming.cluster_queue(TEAM)
OTHER = "neighbours"
KUEUE = ("kueue.x-k8s.io", "v1beta2")
KIND = {"apiVersion": "/".join(KUEUE)}
EVERY = 25
SHORT = {"steps": 3, "base_steps": 40}
LONG = {"steps": 2000, "base_steps": 40, "checkpoint_every": EVERY}
FULL = (
    "couldn't assign flavors to pod set main: flavor local.small doesn't match node affinity, "
    "insufficient unused quota for cpu in flavor local.cpu, 1 more needed"
)


@pytest.fixture
def one_cpu(journeys: Journeys) -> Iterator[None]:
    """A quota that holds one training job."""
    before = spec_of(journeys)
    small = copy.deepcopy(before["resourceGroups"])
    small[0]["flavors"][0]["resources"][0]["nominalQuota"] = "1"
    change(journeys, {"resourceGroups": small})
    yield
    change(journeys, {"resourceGroups": before["resourceGroups"]})


@pytest.fixture
def neighbours(journeys: Journeys, one_cpu: None) -> Iterator[None]:
    """Another team's queue in one cohort with ours, with as much quota, which it takes back when it needs it."""
    queues = CustomObjectsApi(journeys.cloud.cluster.client())
    other = {"cohortName": "everybody", "namespaceSelector": {}, "resourceGroups": spec_of(journeys)["resourceGroups"]}
    body = {**KIND, "kind": "ClusterQueue", "metadata": {"name": OTHER}}
    spec = {**other, "preemption": {"reclaimWithinCohort": "Any"}}
    queues.create_cluster_custom_object(*KUEUE, "clusterqueues", {**body, "spec": spec})
    local = {**KIND, "kind": "LocalQueue", "metadata": {"name": OTHER}, "spec": {"clusterQueue": OTHER}}
    queues.create_namespaced_custom_object(*KUEUE, "default", "localqueues", local)
    change(journeys, {"cohortName": "everybody"})
    yield
    change(journeys, {"cohortName": None})
    queues.delete_namespaced_custom_object(*KUEUE, "default", "localqueues", OTHER)
    queues.delete_cluster_custom_object(*KUEUE, "clusterqueues", OTHER)


def spec_of(journeys: Journeys) -> dict[str, Any]:
    queues = CustomObjectsApi(journeys.cloud.cluster.client())
    spec: dict[str, Any] = queues.get_cluster_custom_object(*KUEUE, "clusterqueues", QUEUE)["spec"]
    return spec


def change(journeys: Journeys, spec: dict[str, Any]) -> None:
    queues = CustomObjectsApi(journeys.cloud.cluster.client())
    queues.patch_cluster_custom_object(*KUEUE, "clusterqueues", QUEUE, {"spec": spec})


def drop(journeys: Journeys, dataset: str, parameters: dict[str, int], priority: str) -> str:
    run = {"recipe": "cpu-lora", "parameters": parameters, "compute": {"priority": priority}}
    return journeys.execution_of(journeys.drop_with_request(dataset, rows(dataset), run))


def progress(journeys: Journeys, execution: str) -> dict[str, Any]:
    return journeys.journey(execution)["progress"] or {}


def training(journeys: Journeys, execution: str, steps: int) -> int:
    """Wait until a run has trained for some steps and return how many it has done."""

    def far_enough() -> int | None:
        now = progress(journeys, execution)
        done = now.get("done") or 0
        return done if now.get("step") == "train" and done >= steps else None

    return int(until(far_enough, 90))


def told(journeys: Journeys, execution: str, what: str) -> list[dict[str, Any]]:
    return [entry for entry in journeys.journey(execution)["timeline"] if entry["what"] == what]


def test_over_quota_a_run_waits_with_the_queues_own_words_and_then_runs(journeys: Journeys, one_cpu: None) -> None:
    with taken(journeys, NAMESPACE, naming.queue(TEAM)):
        until(lambda: admitted(journeys, NAMESPACE), 30)
        run = drop(journeys, "quota-waits", SHORT, "training")
        until(lambda: progress(journeys, run).get("reason") == FULL, 60)
        assert (progress(journeys, run)["phase"], progress(journeys, run)["step"]) == ("queued", "train")
    assert journeys.finish(run, 180)["status"] == "SUCCEEDED"
    assert FULL in [entry["reason"] for entry in told(journeys, run, "RunQueued")]


def test_a_preempted_run_says_why_and_goes_on_from_its_newest_checkpoint(journeys: Journeys, one_cpu: None) -> None:
    loser = drop(journeys, "quota-loser", LONG, "experiment")
    done = training(journeys, loser, 2 * EVERY)
    winner = drop(journeys, "quota-winner", SHORT, "inference")
    assert journeys.finish(winner, 180)["status"] == "SUCCEEDED"
    assert journeys.finish(loser, 180)["status"] == "SUCCEEDED"
    run = journeys.run_of(loser)
    why = {entry["reason"].partition(" (")[0] for entry in told(journeys, loser, "RunEvicted")}
    assert why == {"Preempted to accommodate a workload"}
    log = journeys.log(run, 1, "train")
    (resumed,) = re.findall(r"^resume step=(\d+) from=checkpoint-\1$", log, re.M)
    assert int(resumed) >= done - done % EVERY
    assert min(steps_of(log)) > int(resumed)  # of the last pod: it may have been preempted more than once
    assert (run["attempt"], loss_curve(journeys, run)) == (1, list(range(1, LONG["steps"] + 1)))
    assert journeys.packages("quota-loser") == [run["model_arn"]]


@contextmanager
def taken(journeys: Journeys, namespace: str, queue: str) -> Iterator[None]:
    """Somebody's job holds one CPU of a queue, for as long as the test wants: its image never comes."""
    container = {
        "name": "main",
        "image": "none.local/pause@sha256:" + "0" * 64,
        "resources": {"requests": {"cpu": "1"}},
    }
    node = {"node.kubernetes.io/instance-type": "local.cpu"}  # otherwise it takes a small one, as long as there is one
    template = {"spec": {"restartPolicy": "Never", "containers": [container], "nodeSelector": node}}
    labels = {"kueue.x-k8s.io/queue-name": queue, "kueue.x-k8s.io/priority-class": naming.priority("inference")}
    metadata = {"name": "theirs", "labels": labels}
    journeys.batch.create_namespaced_job(namespace, {"metadata": metadata, "spec": {"template": template}})
    try:
        yield
    finally:
        journeys.batch.delete_namespaced_job("theirs", namespace, propagation_policy="Background")


def admitted(journeys: Journeys, namespace: str) -> bool:
    return not journeys.batch.read_namespaced_job("theirs", namespace).spec.suspend


def borrowed(journeys: Journeys) -> str:
    queues = CustomObjectsApi(journeys.cloud.cluster.client())
    status = queues.get_cluster_custom_object(*KUEUE, "clusterqueues", QUEUE)["status"]
    return str(status["flavorsUsage"][0]["resources"][0]["borrowed"])


def test_what_a_run_has_borrowed_it_gives_back_and_goes_on_afterwards(journeys: Journeys, neighbours: None) -> None:
    with taken(journeys, NAMESPACE, naming.queue(TEAM)):
        until(lambda: admitted(journeys, NAMESPACE), 30)
        borrower = drop(journeys, "borrower", LONG, "experiment")
        done = training(journeys, borrower, EVERY)
        assert borrowed(journeys) == "1"
        with taken(journeys, "default", OTHER):
            until(lambda: admitted(journeys, "default") and told(journeys, borrower, "RunEvicted"), 60)
        assert journeys.finish(borrower, 180)["status"] == "SUCCEEDED"
    (reason,) = {entry["reason"].rpartition(" due to ")[2] for entry in told(journeys, borrower, "RunEvicted")}
    assert reason == "reclamation within the cohort"
    log = journeys.log(journeys.run_of(borrower), 1, "train")
    (resumed,) = re.findall(r"^resume step=(\d+) from=checkpoint-\1$", log, re.M)
    assert int(resumed) >= done - done % EVERY

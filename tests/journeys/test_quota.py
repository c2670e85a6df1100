"""More runs than a team's quota: who waits says so in Kueue's words, who is preempted says why and loses only the steps since its last checkpoint."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from dropforge import naming
from kubernetes.client import CustomObjectsApi

from localcloud.cloud import TEAM
from tests.journeys.conftest import Journeys, until
from tests.journeys.test_cancel_and_retry import rows
from tests.journeys.test_recovery import loss_curve, steps_of

QUEUE = f"{naming.namespace(TEAM)}-clusterqueue"
EVERY = 25
SHORT = {"steps": 3, "base_steps": 40}
LONG = {"steps": 600, "base_steps": 40, "checkpoint_every": EVERY}
FULL = (
    "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor local-cpu, 500m more needed"
)


@pytest.fixture
def one_cpu(journeys: Journeys) -> Iterator[None]:
    """A quota that holds one training job."""
    queues = CustomObjectsApi(journeys.cloud.cluster.client())
    which = ("kueue.x-k8s.io", "v1beta2", "clusterqueues", QUEUE)
    before = queues.get_cluster_custom_object(*which)["spec"]["resourceGroups"]
    small = copy.deepcopy(before)
    small[0]["flavors"][0]["resources"][0]["nominalQuota"] = "1"
    queues.patch_cluster_custom_object(*which, {"spec": {"resourceGroups": small}})
    yield
    queues.patch_cluster_custom_object(*which, {"spec": {"resourceGroups": before}})


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
    first = drop(journeys, "quota-first", LONG, "training")
    training(journeys, first, 1)
    second = drop(journeys, "quota-second", SHORT, "training")
    until(lambda: progress(journeys, second).get("reason") == FULL, 60)
    assert progress(journeys, second)["phase"] == "queued"
    assert journeys.finish(first, 180)["status"] == "SUCCEEDED"
    assert journeys.finish(second)["status"] == "SUCCEEDED"
    assert FULL in [entry["reason"] for entry in told(journeys, second, "RunQueued")]


def test_a_preempted_run_says_why_and_goes_on_from_its_newest_checkpoint(journeys: Journeys, one_cpu: None) -> None:
    loser = drop(journeys, "quota-loser", LONG, "experiment")
    done = training(journeys, loser, 2 * EVERY)
    winner = drop(journeys, "quota-winner", SHORT, "inference")
    assert journeys.finish(winner)["status"] == "SUCCEEDED"
    assert journeys.finish(loser, 180)["status"] == "SUCCEEDED"
    run = journeys.run_of(loser)
    why = {entry["reason"].partition(" (")[0] for entry in told(journeys, loser, "RunEvicted")}
    assert why == {"Preempted to accommodate a workload"}
    log = journeys.log(run, 1, "train")
    (resumed,) = re.findall(r"^resume step=(\d+) from=checkpoint-\1$", log, re.M)
    assert int(resumed) >= done - done % EVERY
    assert min(steps_of(log)) > int(resumed)
    assert (run["attempt"], loss_curve(journeys, run)) == (1, list(range(1, LONG["steps"] + 1)))
    assert journeys.packages("quota-loser") == [run["model_arn"]]

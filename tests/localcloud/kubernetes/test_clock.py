"""The cluster's clock, which follows the account's and jumps with it: what was hours away is due."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from localcloud.kubernetes import Image, LocalCluster
from tests.cluster.probe import eventually
from tests.localcloud.kubernetes.anybody import anybody
from tests.localcloud.kubernetes.conftest import IMAGE, Team
from tests.localcloud.kubernetes.kueue_world import World

HOUR = 3600.0
CLOCK = [0.0]


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    images = {"tool": Image("tool", IMAGE.partition("@")[2], tmp_path_factory.mktemp("images"), {})}
    folder: Path = tmp_path_factory.mktemp("clocked")
    with LocalCluster("clocked", folder, images=images, tokens=anybody, ahead=lambda: CLOCK[0]) as running:
        yield running


@pytest.fixture
def late(clocked: LocalCluster) -> Iterator[Team]:
    team = Team(clocked, f"team-{uuid.uuid4().hex[:8]}")
    team.core.create_namespace({"metadata": {"name": team.namespace}})
    yield team
    CLOCK[0] = 0.0


def jump(hours: float) -> None:
    CLOCK[0] += hours * HOUR


def test_what_is_written_and_what_is_answered_have_the_clusters_time(late: Team) -> None:
    jump(5)
    late.core.create_namespaced_config_map(late.namespace, {"metadata": {"name": "m"}})
    found, _, headers = late.core.read_namespaced_config_map_with_http_info("m", late.namespace)
    for moment in (found.metadata.creation_timestamp, parsedate_to_datetime(headers["Date"])):
        assert timedelta(hours=4.9) < moment - datetime.now(UTC) < timedelta(hours=5.1)


def test_a_deadline_that_was_hours_away_is_past(late: Team) -> None:
    late.job("j", "sleep 60", activeDeadlineSeconds=4 * 3600)
    eventually(lambda: late.read_job("j").get("status", {}).get("ready"))
    jump(5)
    failed = late.job_has("j", "Failed")
    reasons = {one["reason"] for one in failed["status"]["conditions"]}
    assert "DeadlineExceeded" in reasons


def test_a_finished_job_goes_when_its_time_has_come(late: Team) -> None:
    late.job("j", "true", ttlSecondsAfterFinished=4 * 3600)
    late.job_has("j", "Complete")
    jump(3)
    late.job_has("j", "Complete")
    jump(2)
    eventually(lambda: not late.batch.list_namespaced_job(late.namespace).items)


def test_a_workload_has_run_for_as_long_as_the_clock_says(late: Team) -> None:
    world = World(late)
    world.flavor()
    world.queue("q", f="1")
    world.run("j", "q")
    jump(2)
    path = ("kueue.x-k8s.io", "v1beta2", late.namespace, "workloads", world.workload("j")["metadata"]["name"])
    late.custom.patch_namespaced_custom_object(*path, {"spec": {"active": False}})
    key = "accumulatedPastExecutionTimeSeconds"
    assert eventually(lambda: world.workload("j")["status"].get(key)) >= 2 * 3600
    world.end_all()

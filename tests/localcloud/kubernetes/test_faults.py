"""Failures of single requests and of the whole node, and the record that says which requests there are to fail."""

import http.client
import threading
from pathlib import Path

import kubernetes.client
import pytest
import urllib3

from localcloud.kubernetes import Image, LocalCluster
from tests.localcloud.kubernetes.anybody import anybody

DIGEST = "sha256:" + "a" * 64
TOKEN = "k8s-aws-v1.product"
CLOSED = (urllib3.exceptions.ProtocolError, http.client.RemoteDisconnected, ConnectionError)


@pytest.fixture
def fresh(tmp_path):
    images = {"tool": Image("tool", DIGEST, tmp_path, {})}
    with LocalCluster("faults", tmp_path / "cluster", images=images, tokens=anybody, speed=100) as running:
        yield running


@pytest.fixture
def core(fresh):
    """A client as the product has it: with a token of its own."""
    return kubernetes.client.CoreV1Api(fresh.client(TOKEN))


@pytest.fixture
def look(fresh):
    """A client that looks on."""
    return kubernetes.client.CoreV1Api(fresh.client())


def make(core, name):
    return core.create_namespaced_config_map("default", {"metadata": {"name": name}})


def maps(look):
    return [item.metadata.name for item in look.list_namespaced_config_map("default").items]


def asked(cluster):
    return [(seen.verb, seen.resource, seen.occurrence) for seen in cluster.requests()]


def test_requests_are_recorded_in_order_and_counted_by_kind(fresh, core):
    make(core, "a")
    make(core, "b")
    core.list_namespaced_config_map("default")
    assert asked(fresh) == [("create", "configmaps", 1), ("create", "configmaps", 2), ("list", "configmaps", 1)]
    assert fresh.requests()[0].path == "/api/v1/namespaces/default/configmaps"


def test_a_new_record_counts_anew(fresh, core):
    make(core, "a")
    fresh.record()
    make(core, "b")
    assert asked(fresh) == [("create", "configmaps", 1)]


def test_a_subresource_and_a_document_have_names_of_their_own(fresh, core):
    with pytest.raises(kubernetes.client.ApiException):
        core.read_namespaced_pod_log("nobody", "default")
    kubernetes.client.BatchV1Api(core.api_client).get_api_resources()
    assert asked(fresh) == [("get", "pods/log", 1), ("get", "/apis/batch/v1/", 1)]


def test_who_looks_on_is_neither_counted_nor_failed(fresh, core, look):
    fresh.fail_request("list", "configmaps", 1)
    assert maps(look) == []
    assert fresh.requests() == []
    with pytest.raises(kubernetes.client.ApiException):
        core.list_namespaced_config_map("default")


def test_exactly_the_chosen_request_fails(fresh, core, look):
    fresh.fail_request("create", "configmaps", 2, status=503)
    make(core, "first")
    with pytest.raises(kubernetes.client.ApiException) as failed:
        make(core, "second")
    assert failed.value.status == 503
    make(core, "third")
    assert maps(look) == ["first", "third"]


@pytest.mark.parametrize(("when", "left"), [("before", []), ("after", ["a"])])
def test_an_error_comes_before_or_after_the_effect(fresh, core, look, when, left):
    fresh.fail_request("create", "configmaps", 1, when)
    with pytest.raises(kubernetes.client.ApiException) as failed:
        make(core, "a")
    assert failed.value.status == 500
    assert maps(look) == left


@pytest.mark.parametrize(("when", "left"), [("before", []), ("after", ["a"])])
def test_a_connection_closes_before_or_after_the_effect(fresh, core, look, when, left):
    fresh.fail_request("create", "configmaps", 1, when, status=None)
    with pytest.raises(CLOSED):
        make(core, "a")
    assert maps(look) == left
    make(core, "b")
    assert "b" in maps(look)


def test_the_answer_that_is_lost_may_be_a_refusal(fresh, core, look):
    make(look, "a")
    fresh.fail_request("create", "configmaps", 1, "after", status=504)
    with pytest.raises(kubernetes.client.ApiException) as failed:
        make(core, "a")
    assert failed.value.status == 504


def test_a_failure_that_could_never_come_is_a_mistake(fresh, core):
    make(core, "a")
    with pytest.raises(ValueError, match="record"):
        fresh.fail_request("create", "configmaps", 1)


def test_accepting_ends_failures_that_are_still_to_come(fresh, core, look):
    fresh.fail_request("create", "configmaps", 1)
    fresh.accept()
    make(core, "a")
    assert maps(look) == ["a"]


def test_refusals_still_meet_everybody(fresh, look):
    fresh.refuse(1, verb="list")
    with pytest.raises(kubernetes.client.ApiException):
        maps(look)
    assert maps(look) == []


def job(cluster, name, script, **spec):
    container = {"name": "c", "image": f"x/tool@{DIGEST}", "command": ["sh", "-c", script]}
    pod = {"restartPolicy": "Never", "containers": [container]}
    body = {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": pod}, **spec}}
    kubernetes.client.BatchV1Api(cluster.client()).create_namespaced_job("default", body)


def status_of(cluster, name):
    return kubernetes.client.BatchV1Api(cluster.client()).read_namespaced_job(name, "default").status


def pods(look):
    return look.list_namespaced_pod("default").items


def running_pid(look, eventually):
    """The process id that the only pod prints."""
    eventually(lambda: pods(look) and pods(look)[0].status.phase == "Running")
    name = pods(look)[0].metadata.name
    return int(eventually(lambda: look.read_namespaced_pod_log(name, "default")))


def seen_by_a_watch(cluster, found):
    """Collect what happens to pods, from before the loss on."""
    core = kubernetes.client.CoreV1Api(cluster.client())
    for event in kubernetes.watch.Watch().stream(core.list_namespaced_pod, "default", timeout_seconds=2):
        found.append((event["type"], event["object"].status))


def test_a_lost_node_takes_its_pods_along_and_their_job_fails(fresh, look, eventually):
    job(fresh, "j", "echo $$$$; sleep 60")
    pid = running_pid(look, eventually)
    found = []
    watcher = threading.Thread(target=seen_by_a_watch, args=(fresh, found))
    watcher.start()
    eventually(lambda: found)
    fresh.lose_node()
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    eventually(lambda: pods(look) == [])
    ended = eventually(lambda: [c for c in status_of(fresh, "j").conditions or [] if c.type == "Failed"])
    watcher.join()
    assert (ended[0].reason, status_of(fresh, "j").failed) == ("BackoffLimitExceeded", 1)
    gone = next(last for kind, last in found if kind == "DELETED")
    disruption = next(c for c in gone.conditions if c.type == "DisruptionTarget")
    assert (gone.phase, disruption.status) == ("Failed", "True")
    assert (disruption.reason, disruption.message) == ("DeletionByPodGC", "PodGC: node no longer exists")
    assert gone.container_statuses[0].state.running is not None
    assert look.list_node().items == []


def test_a_job_that_may_try_again_waits_for_a_node(fresh, look, eventually):
    job(fresh, "j", "echo $$$$; sleep 60", backoffLimit=1)
    pid = running_pid(look, eventually)
    fresh.lose_node()

    def obstacle():
        waiting = [c for pod in pods(look) for c in pod.status.conditions or [] if c.type == "PodScheduled"]
        return [c.message for c in waiting if c.status == "False"]

    assert eventually(obstacle) == ["no nodes available to schedule pods"]
    fresh.add_node()
    assert running_pid(look, eventually) != pid


def test_a_finished_pod_goes_with_its_node(fresh, look, eventually):
    job(fresh, "j", "echo done")
    eventually(lambda: status_of(fresh, "j").succeeded)
    fresh.lose_node()
    eventually(lambda: pods(look) == [])
    assert status_of(fresh, "j").succeeded == 1


def test_a_node_is_lost_only_once(fresh):
    fresh.lose_node()
    with pytest.raises(LookupError, match="add_node"):
        fresh.lose_node()


def test_a_cluster_that_lost_its_node_stops_without_remains(tmp_path, eventually):
    before = set(threading.enumerate())
    images = {"tool": Image("tool", DIGEST, tmp_path, {})}
    with LocalCluster("short", tmp_path / "cluster", images=images, tokens=anybody) as running:
        look = kubernetes.client.CoreV1Api(running.client())
        job(running, "j", "echo $$$$; sleep 60")
        pid = running_pid(look, eventually)
        running.lose_node()
        look.api_client.rest_client.pool_manager.clear()
    assert not Path(f"/proc/{pid}").exists()
    eventually(lambda: set(threading.enumerate()) <= before)

"""Kueue's admission, as recorded from the real controller: who waits, who runs, and in which words."""

import hashlib

import pytest
from kubernetes.client import ApiException

GROUP = "kueue.x-k8s.io"
QUEUED = {"kueue.x-k8s.io/queue-name": "queue"}
WAITING = "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor {0}, {1} more needed"


class Queue:
    """A LocalQueue named `queue` in a team's namespace, before a ClusterQueue and a flavor of the namespace's name."""

    def __init__(self, team, cpu="2", **spec):
        self.team, self.name = team, team.namespace
        labels = {"node.kubernetes.io/instance-type": "local.cpu"}
        self.create("ResourceFlavor", "resourceflavors", {"nodeLabels": labels})
        quota = {"name": self.name, "resources": [{"name": "cpu", "nominalQuota": cpu}]}
        groups = [{"coveredResources": ["cpu"], "flavors": [quota]}]
        self.create("ClusterQueue", "clusterqueues", {"namespaceSelector": {}, "resourceGroups": groups, **spec})
        body = {"apiVersion": f"{GROUP}/v1beta2", "kind": "LocalQueue", "metadata": {"name": "queue"}}
        body["spec"] = {"clusterQueue": self.name}
        team.custom.create_namespaced_custom_object(GROUP, "v1beta2", team.namespace, "localqueues", body)

    def create(self, kind, plural, spec, version="v1beta2"):
        body = {"apiVersion": f"{GROUP}/{version}", "kind": kind, "metadata": {"name": self.name}, "spec": spec}
        return self.team.custom.create_cluster_custom_object(GROUP, version, plural, body)

    def read(self, version="v1beta2"):
        return self.team.custom.get_cluster_custom_object(GROUP, version, "clusterqueues", self.name)

    def patch(self, spec):
        path = (GROUP, "v1beta2", "clusterqueues", self.name)
        self.team.custom.patch_cluster_custom_object(*path, {"spec": spec})

    def priority(self, name, value):
        body = {"apiVersion": f"{GROUP}/v1beta2", "kind": "WorkloadPriorityClass", "metadata": {"name": name}}
        path = (GROUP, "v1beta2", "workloadpriorityclasses")
        self.team.custom.create_cluster_custom_object(*path, {**body, "value": value})

    def workload(self, job, version="v1beta2"):
        listed = self.team.custom.list_namespaced_custom_object(GROUP, version, self.team.namespace, "workloads")
        return next((w for w in listed["items"] if w["metadata"]["ownerReferences"][0]["name"] == job), None)

    def conditions(self, job):
        found = self.workload(job)
        listed = (found or {}).get("status", {}).get("conditions", [])
        return {c["type"]: (c["status"], c["reason"], c["message"]) for c in listed}

    def counters(self):
        status = self.read().get("status", {})
        return tuple(status.get(k) for k in ("pendingWorkloads", "reservingWorkloads", "admittedWorkloads"))

    def switch(self, job, active):
        path = (GROUP, "v1beta2", self.team.namespace, "workloads", self.workload(job)["metadata"]["name"])
        self.team.custom.patch_namespaced_custom_object(*path, {"spec": {"active": active}})


@pytest.fixture
def queue(team):
    return Queue(team)


def admitted(name):
    return {
        "QuotaReserved": ("True", "QuotaReserved", f"Quota reserved in ClusterQueue {name}"),
        "Admitted": ("True", "Admitted", "The workload is admitted"),
    }


def test_a_queued_job_is_suspended_in_the_answer_to_its_creation(team, queue):
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none.local/i"}]}
    body = {"metadata": {"name": "j", "labels": QUEUED}, "spec": {"suspend": False, "template": {"spec": pod}}}
    assert team.batch.create_namespaced_job(team.namespace, body).spec.suspend is True


def test_a_job_without_a_queue_is_left_alone(team, queue):
    team.job("j")
    team.job_has("j", "Complete")
    assert queue.workload("j") is None


def test_a_workload_is_named_labelled_and_owned_like_the_real_one(team, queue, eventually):
    team.job("j", labels=QUEUED)
    workload = eventually(lambda: queue.workload("j"))
    uid = team.read_job("j")["metadata"]["uid"]
    digits = hashlib.sha1(f"Job\nbatch\nj\n{uid}".encode(), usedforsecurity=False).hexdigest()[:5]
    metadata = workload["metadata"]
    assert (metadata["name"], metadata["labels"]) == (f"job-j-{digits}", {"kueue.x-k8s.io/job-uid": uid})
    assert metadata["finalizers"] == ["kueue.x-k8s.io/resource-in-use"]
    assert metadata["ownerReferences"][0]["controller"] is True
    assert workload["spec"]["podSets"][0]["template"]["metadata"] == {}


def test_an_admitted_job_runs_on_its_flavor_and_finishes(team, queue):
    team.job("j", labels=QUEUED)
    job = team.job_has("j", "Complete")
    template = job["spec"]["template"]
    assert template["spec"]["nodeSelector"] == {"node.kubernetes.io/instance-type": "local.cpu"}
    assert template["metadata"]["labels"]["kueue.x-k8s.io/podset"] == "main"
    assert template["metadata"]["annotations"]["kueue.x-k8s.io/workload"] == queue.workload("j")["metadata"]["name"]


def test_a_finished_workload_keeps_its_admission(team, queue, eventually):
    team.job("j", labels=QUEUED)
    eventually(lambda: "Finished" in queue.conditions("j"))
    finished = ("True", "Succeeded", "Reached expected number of succeeded pods")
    assert queue.conditions("j") == {**admitted(queue.name), "Finished": finished}
    admission = queue.workload("j")["status"]["admission"]
    assert admission["clusterQueue"] == queue.name
    assert admission["podSetAssignments"] == [
        {"name": "main", "count": 1, "flavors": {"cpu": queue.name}, "resourceUsage": {"cpu": "1"}}
    ]


def test_a_failed_job_fails_its_workload(team, queue, eventually):
    team.job("j", "exit 1", labels=QUEUED)
    finished = eventually(lambda: queue.conditions("j").get("Finished"))
    assert finished == ("True", "Failed", "Job has reached the specified backoff limit")


def test_a_job_beyond_the_free_quota_waits_and_then_runs(team, queue, tmp_path, eventually):
    go = tmp_path / "go"
    team.job("first", f"until test -f {go}; do sleep 0.02; done", labels=QUEUED, cpu="2")
    eventually(lambda: "Admitted" in queue.conditions("first"))
    team.job("second", labels=QUEUED, cpu="2")
    waiting = eventually(lambda: queue.conditions("second"))
    assert waiting == {"QuotaReserved": ("False", "Pending", WAITING.format(queue.name, 2))}
    assert queue.workload("second")["status"]["resourceRequests"] == [{"name": "main", "resources": {"cpu": "2"}}]
    eventually(lambda: queue.counters() == (1, 1, 1))
    go.touch()
    team.job_has("second", "Complete")
    eventually(lambda: queue.counters() == (0, 0, 0))


def test_a_job_that_can_never_fit_says_so(team, queue, eventually):
    team.job("j", labels=QUEUED, cpu="16")
    text = f"insufficient quota for cpu in flavor {queue.name}, request > maximum capacity (16 > 2)"
    _, reason, message = eventually(lambda: queue.conditions("j").get("QuotaReserved"))
    assert (reason, message) == ("Pending", f"couldn't assign flavors to pod set main: {text}")


def test_a_job_in_a_missing_queue_is_inadmissible(team, queue, eventually):
    team.job("j", labels={"kueue.x-k8s.io/queue-name": "nowhere"})
    found = eventually(lambda: queue.conditions("j").get("QuotaReserved"))
    assert found == ("False", "Inadmissible", "LocalQueue nowhere doesn't exist")


def test_a_resource_the_queue_does_not_cover_is_named(team, eventually):
    queue = Queue(team)
    pod = {"restartPolicy": "Never", "containers": [
        {"name": "c", "image": "none.local/i", "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}  # fmt: skip
    team.batch.create_namespaced_job(
        team.namespace, {"metadata": {"name": "j", "labels": QUEUED}, "spec": {"template": {"spec": pod}}}
    )
    _, _, message = eventually(lambda: queue.conditions("j").get("QuotaReserved"))
    assert message.endswith("resource nvidia.com/gpu unavailable in ClusterQueue")


def test_a_wish_for_a_topology_is_told_to_be_beyond_the_flavor(team, queue, eventually):
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "c", "image": "none.local/i", "resources": {"limits": {"cpu": 1}}}],
    }
    wish = {"annotations": {"kueue.x-k8s.io/podset-required-topology": "cloud.com/rack"}}
    spec = {"template": {"metadata": wish, "spec": pod}}
    team.batch.create_namespaced_job(team.namespace, {"metadata": {"name": "j", "labels": QUEUED}, "spec": spec})
    _, _, message = eventually(lambda: queue.conditions("j").get("QuotaReserved"))
    assert message.endswith(f'Flavor "{queue.name}" does not support TopologyAwareScheduling')


def test_priority_goes_before_age(team, queue, tmp_path, eventually):
    queue.priority(f"{queue.name}-high", 100)
    go, order = tmp_path / "go", tmp_path / "order"
    team.job("first", f"until test -f {go}; do sleep 0.02; done", labels=QUEUED, cpu="2")
    eventually(lambda: "Admitted" in queue.conditions("first"))
    team.job("old", f"echo old >> {order}", labels=QUEUED, cpu="2")
    high = {**QUEUED, "kueue.x-k8s.io/priority-class": f"{queue.name}-high"}
    team.job("high", f"echo high >> {order}", labels=high, cpu="2")
    eventually(lambda: queue.counters() == (2, 1, 1))
    go.touch()
    team.job_has("old", "Complete")
    assert order.read_text() == "high\nold\n"
    assert queue.workload("high")["spec"]["priority"] == 100


def test_preemption_evicts_in_two_phases_and_readmits(team, tmp_path, eventually):
    queue = Queue(team, preemption={"withinClusterQueue": "LowerPriority"})
    queue.priority(f"{queue.name}-high", 100)
    go = tmp_path / "go"
    team.job("low", f"until test -f {go}; do sleep 0.02; done", labels=QUEUED, cpu="2")
    eventually(lambda: [p for p in team.pods_of("low") if p.status.phase == "Running"])
    high = {**QUEUED, "kueue.x-k8s.io/priority-class": f"{queue.name}-high"}
    team.job("high", f"until test -f {go}; do sleep 0.02; done", labels=high, cpu="2")
    eventually(lambda: [p for p in team.pods_of("high") if p.status.phase == "Running"])
    uids = queue.workload("high")["metadata"]["uid"], team.read_job("high")["metadata"]["uid"]
    text = (f"Preempted to accommodate a workload (UID: {uids[0]}, JobUID: {uids[1]}) "
            "due to prioritization in the ClusterQueue")  # fmt: skip
    assert queue.conditions("low") == {
        "QuotaReserved": ("False", "Pending", WAITING.format(queue.name, 2)),
        "Admitted": ("False", "NoReservation", "The workload has no reservation"),
        "Evicted": ("True", "Preempted", text),
        "Preempted": ("True", "InClusterQueue", text),
        "Requeued": ("True", "Preempted", text),
    }
    job = team.read_job("low")
    assert "nodeSelector" not in job["spec"]["template"]["spec"]
    assert "kueue.x-k8s.io/podset" not in job["spec"]["template"]["metadata"]["labels"]
    go.touch()
    team.job_has("low", "Complete")
    assert queue.conditions("low")["Evicted"] == ("False", "QuotaReserved", f"Previously: {text}")
    evictions = queue.workload("low")["status"]["schedulingStats"]["evictions"]
    assert evictions == [{"reason": "Preempted", "underlyingCause": "", "count": 1}]


def test_a_deactivated_workload_stops_its_job(team, queue, eventually):
    team.job("j", "sleep 30", labels=QUEUED)
    eventually(lambda: [p for p in team.pods_of("j") if p.status.phase == "Running"])
    queue.switch("j", active=False)
    eventually(lambda: "Requeued" in queue.conditions("j"))
    text = "The workload is deactivated"
    assert queue.conditions("j") == {
        "QuotaReserved": ("False", "Pending", text),
        "Evicted": ("True", "Deactivated", text),
        "Admitted": ("False", "NoReservation", "The workload has no reservation"),
        "Requeued": ("False", "Deactivated", text),
    }
    assert team.read_job("j")["spec"]["suspend"] is True
    queue.switch("j", active=True)
    eventually(lambda: queue.conditions("j")["Admitted"][0] == "True")


def test_deleting_a_job_removes_its_workload_and_frees_its_quota(team, queue, eventually):
    team.job("j", "sleep 30", labels=QUEUED)
    eventually(lambda: queue.counters() == (0, 1, 1))
    team.batch.delete_namespaced_job("j", team.namespace, propagation_policy="Background")
    eventually(lambda: queue.workload("j") is None)
    eventually(lambda: queue.counters() == (0, 0, 0))


def test_a_stopped_queue_admits_nobody(team, queue, eventually):
    queue.patch({"stopPolicy": "Hold"})
    team.job("j", labels=QUEUED)
    found = eventually(lambda: queue.conditions("j").get("QuotaReserved"))
    assert found == ("False", "Inadmissible", f"ClusterQueue {queue.name} is stopped")
    active = eventually(lambda: [c for c in queue.read()["status"]["conditions"] if c["status"] == "False"])[0]
    assert (active["reason"], active["message"]) == ("Stopped", "Can't admit new workloads: is stopped.")


def test_a_queue_counts_what_it_lends(team, queue, eventually):
    team.job("j", "sleep 30", labels=QUEUED)
    eventually(lambda: queue.counters() == (0, 1, 1))
    used = queue.read()["status"]["flavorsUsage"]
    assert used == [{"name": queue.name, "resources": [{"name": "cpu", "total": "1", "borrowed": "0"}]}]
    local = team.custom.get_namespaced_custom_object(GROUP, "v1beta2", team.namespace, "localqueues", "queue")
    assert local["status"]["admittedWorkloads"] == 1
    team.batch.delete_namespaced_job("j", team.namespace, propagation_policy="Background")


def test_a_job_unsuspended_by_hand_is_suspended_again(team, queue, eventually):
    team.job("j", labels={"kueue.x-k8s.io/queue-name": "nowhere"})
    eventually(lambda: queue.conditions("j"))
    team.batch.patch_namespaced_job("j", team.namespace, {"spec": {"suspend": False}})
    eventually(lambda: team.read_job("j")["spec"]["suspend"] is True)


def test_events_tell_the_story_of_a_queued_job(team, queue):
    team.job("j", labels=QUEUED)
    team.job_has("j", "Complete")
    reasons = {reason for _, reason, _ in team.events_of("j")}
    assert {"CreatedWorkload", "Started"} <= reasons
    assert ("Normal", "Started", f"Admitted by clusterQueue {queue.name}") in team.events_of("j")


@pytest.mark.parametrize(("version", "field", "value", "told"), [
    ("v1beta2", "admissionScope", {"admissionMode": "NoAdmissionFairSharing"}, "spec.admissionScope"),
    ("v1beta1", "admissionChecksStrategy", {"admissionChecks": []}, "spec.admissionChecksStrategy"),
    ("v1beta2", "flavorFungibility", {"preference": "BorrowingOverPreemption"}, "spec.flavorFungibility.preference"),
])  # fmt: skip
def test_a_queue_field_that_is_not_emulated_is_refused_by_name(team, queue, version, field, value, told):
    queue.name += "-other"
    with pytest.raises(ApiException) as refused:
        queue.create("ClusterQueue", "clusterqueues", {field: value}, version)
    assert (refused.value.status, told in refused.value.body) == (422, True)


def test_a_limit_on_borrowing_is_refused_by_name(team, queue):
    queue.name += "-other"
    quota = {"name": "f", "resources": [{"name": "cpu", "nominalQuota": "1", "borrowingLimit": "1"}]}
    with pytest.raises(ApiException) as refused:
        queue.create("ClusterQueue", "clusterqueues", {"resourceGroups": [
            {"coveredResources": ["cpu"], "flavors": [quota]}]})  # fmt: skip
    assert "borrowingLimit" in refused.value.body


def test_the_older_version_shows_its_own_field_names(team, queue, eventually):
    assert queue.read("v1beta1")["spec"]["flavorFungibility"]["whenCanBorrow"] == "Borrow"
    assert queue.read("v1beta2")["spec"]["flavorFungibility"]["whenCanBorrow"] == "MayStopSearch"
    queue.priority(f"{queue.name}-p", 7)
    team.job("j", labels={**QUEUED, "kueue.x-k8s.io/priority-class": f"{queue.name}-p"})
    eventually(lambda: queue.workload("j"))
    assert queue.workload("j", "v1beta1")["spec"]["priorityClassName"] == f"{queue.name}-p"
    assert queue.workload("j")["spec"]["priorityClassRef"]["name"] == f"{queue.name}-p"


def test_strict_validation_names_an_unknown_queue_field(probe):
    body = {"apiVersion": f"{GROUP}/v1beta2", "kind": "ClusterQueue", "metadata": {"name": "q"}, "spec": {"typo": 1}}
    reply = probe.post(f"/apis/{GROUP}/v1beta2/clusterqueues?fieldValidation=Strict", body)
    assert (reply.code, 'unknown field "spec.typo"' in reply.body["message"]) == (400, True)

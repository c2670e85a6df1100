"""The life of a Job, as recorded from Kubernetes 1.36 (conditions, counters, events)."""

import time

import pytest
from kubernetes.client import ApiException


def conditions(job):
    return [(c["type"], c["status"], c["reason"], c["message"]) for c in job["status"]["conditions"]]


def test_a_suspended_job_says_so_and_has_not_started(team, eventually):
    team.job("j", suspend=True)
    job = eventually(lambda: (found := team.read_job("j")).get("status") and found)
    assert conditions(job) == [("Suspended", "True", "JobSuspended", "Job suspended")]
    rest = {key: value for key, value in job["status"].items() if key != "conditions"}
    assert rest == {"ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}


def test_a_resumed_job_runs_and_completes(team):
    team.job("j", "sleep 0.1", suspend=True)
    team.job_has("j", "Suspended")
    team.batch.patch_namespaced_job("j", team.namespace, {"spec": {"suspend": False}})
    job = team.job_has("j", "Complete")
    assert conditions(job) == [
        ("Suspended", "False", "JobResumed", "Job resumed"),
        ("SuccessCriteriaMet", "True", "CompletionsReached", "Reached expected number of succeeded pods"),
        ("Complete", "True", "CompletionsReached", "Reached expected number of succeeded pods"),
    ]
    assert {"startTime", "completionTime"} <= job["status"].keys()
    assert (job["status"]["succeeded"], job["status"]["ready"], "active" in job["status"]) == (1, 0, False)
    assert all({"lastProbeTime", "lastTransitionTime"} <= c.keys() for c in job["status"]["conditions"])


def test_the_criteria_are_met_before_the_job_is_complete(team, probe, eventually):
    team.job("j", "sleep 0.05")
    since = team.read_job("j")["metadata"]["resourceVersion"]
    team.job_has("j", "Complete")
    path = f"/apis/batch/v1/namespaces/{team.namespace}/jobs?resourceVersion={since}"
    told = [[c["type"] for c in e["object"].get("status", {}).get("conditions", [])] for e in probe.watch(path)]
    assert ["SuccessCriteriaMet"] in told
    assert told[-1] == ["SuccessCriteriaMet", "Complete"]


def test_a_running_job_counts_active_and_ready_pods(team, eventually):
    team.job("j", "sleep 30", parallelism=2, completions=2)
    status = eventually(lambda: (s := team.read_job("j").get("status", {})).get("ready") == 2 and s)
    assert status["active"] == 2
    team.batch.delete_namespaced_job("j", team.namespace, propagation_policy="Background")


def test_a_failed_job_has_no_completion_time(team):
    team.job("j", "exit 1")
    job = team.job_has("j", "Failed")
    text = "Job has reached the specified backoff limit"
    assert conditions(job) == [
        ("FailureTarget", "True", "BackoffLimitExceeded", text),
        ("Failed", "True", "BackoffLimitExceeded", text),
    ]
    assert (job["status"]["failed"], "completionTime" in job["status"]) == (1, False)


def test_a_job_tries_again_up_to_its_limit(team):
    team.job("j", "exit 1", backoffLimit=1)
    assert team.job_has("j", "Failed")["status"]["failed"] == 2
    assert len(team.pods_of("j")) == 2


def test_a_retry_that_works_completes_the_job(team, tmp_path):
    team.job("j", f"test -f {tmp_path}/x || {{ touch {tmp_path}/x; exit 1; }}", backoffLimit=1)
    status = team.job_has("j", "Complete")["status"]
    assert (status["failed"], status["succeeded"]) == (1, 1)


def test_a_job_past_its_deadline_fails(team):
    team.job("j", "sleep 30", activeDeadlineSeconds=1)
    job = team.job_has("j", "Failed")
    text = "Job was active longer than specified deadline"
    assert conditions(job) == [
        ("FailureTarget", "True", "DeadlineExceeded", text),
        ("Failed", "True", "DeadlineExceeded", text),
    ]
    assert (job["status"]["failed"], job["status"]["terminating"]) == (1, 0)


def test_suspending_a_running_job_removes_its_pods_and_start(team, eventually):
    team.job("j", "sleep 30")
    eventually(lambda: team.read_job("j").get("status", {}).get("ready"))
    team.batch.patch_namespaced_job("j", team.namespace, {"spec": {"suspend": True}})
    team.job_has("j", "Suspended")
    eventually(lambda: not team.pods_of("j"))
    status = eventually(lambda: (s := team.read_job("j")["status"])["terminating"] == 0 and s)
    assert status.keys() == {"conditions", "ready", "terminating", "uncountedTerminatedPods"}


def test_an_indexed_job_gives_every_pod_its_index(team):
    team.job("j", "echo $JOB_COMPLETION_INDEX", completions=3, parallelism=2, completionMode="Indexed")
    job = team.job_has("j", "Complete")
    pods = team.pods_of("j")
    assert (job["status"]["completedIndexes"], job["status"]["succeeded"]) == ("0-2", 3)
    assert [pod.metadata.name[:4] for pod in pods] == ["j-0-", "j-1-", "j-2-"]
    assert [team.log(pod.metadata.name) for pod in pods] == ["0\n", "1\n", "2\n"]
    assert [pod.spec.hostname for pod in pods] == ["j-0", "j-1", "j-2"]


def test_a_failed_index_runs_again_under_the_same_index(team, tmp_path):
    script = f"test $JOB_COMPLETION_INDEX = 0 -o -f {tmp_path}/x || {{ touch {tmp_path}/x; exit 1; }}"
    team.job("j", script, completions=2, parallelism=2, completionMode="Indexed", backoffLimit=2)
    status = team.job_has("j", "Complete")["status"]
    assert (status["completedIndexes"], status["failed"]) == ("0,1", 1)


def test_a_pod_is_owned_and_released_once_counted(team):
    team.job("j")
    team.job_has("j", "Complete")
    metadata = team.pods_of("j")[0].metadata
    assert (metadata.owner_references[0].kind, metadata.owner_references[0].name) == ("Job", "j")
    assert metadata.finalizers is None


def test_a_pod_somebody_deletes_counts_as_failed(team, eventually):
    team.job("j", "sleep 30", backoffLimit=3)
    pod = eventually(lambda: [p for p in team.pods_of("j") if p.status.phase == "Running"])[0]
    team.core.delete_namespaced_pod(pod.metadata.name, team.namespace)
    eventually(lambda: team.read_job("j")["status"].get("failed") == 1)
    eventually(lambda: [p for p in team.pods_of("j") if p.metadata.name != pod.metadata.name])


def test_deleting_a_job_in_the_background_deletes_its_pods(team, eventually):
    team.job("j", "sleep 30")
    eventually(lambda: team.pods_of("j"))
    team.batch.delete_namespaced_job("j", team.namespace, propagation_policy="Background")
    eventually(lambda: not team.pods_of("j"))


def test_deleting_a_job_without_a_policy_orphans_its_pods(team, probe, eventually):
    team.job("j", "sleep 30")
    eventually(lambda: [p for p in team.pods_of("j") if p.status.phase == "Running"])
    probe.call("DELETE", f"/apis/batch/v1/namespaces/{team.namespace}/jobs/j")
    time.sleep(0.2)
    pod = team.pods_of("j")[0]
    assert (pod.status.phase, pod.metadata.owner_references) == ("Running", None)


def test_a_finished_job_goes_after_its_time_to_live(team, eventually):
    team.job("j", ttlSecondsAfterFinished=10)

    def is_gone():
        try:
            team.read_job("j")
        except ApiException as error:
            return error.status == 404
        return False

    eventually(is_gone)
    eventually(lambda: team.pods_of("j") == [])


def test_events_tell_the_story_of_a_job(team, eventually):
    team.job("j", suspend=True)
    team.job_has("j", "Suspended")
    team.batch.patch_namespaced_job("j", team.namespace, {"spec": {"suspend": False}})
    team.job_has("j", "Complete")
    pod = team.pods_of("j")[0].metadata.name
    assert set(team.events_of("j")) == {
        ("Normal", "Suspended", "Job suspended"),
        ("Normal", "Resumed", "Job resumed"),
        ("Normal", "SuccessfulCreate", f"Created pod: {pod}"),
        ("Normal", "Completed", "Job completed"),
    }


def test_a_field_nobody_acts_on_is_refused_by_name(team):
    with pytest.raises(ApiException) as refused:
        team.job("j", managedBy="somebody.example.com/else")
    assert refused.value.status == 422
    assert "spec.managedBy" in refused.value.body


def test_a_namespace_deleted_under_its_jobs_goes_and_others_go_on(team, eventually):
    team.job("again", "exit 1", backoffLimit=9)
    team.job("running", "sleep 30", labels={"kueue.x-k8s.io/queue-name": "nowhere"})
    eventually(lambda: team.pods_of("again"))
    team.core.delete_namespace(team.namespace)

    def is_gone():
        try:
            team.core.read_namespace(team.namespace)
        except ApiException as error:
            return error.status == 404
        return False

    eventually(is_gone)
    team.namespace = "default"
    team.job("after")
    team.job_has("after", "Complete")
    team.batch.delete_namespaced_job("after", "default", propagation_policy="Background")

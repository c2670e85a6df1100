"""What any API server does with single objects: create, read, replace, refuse."""

import copy
import re

import pytest


def job(name="", **spec):
    metadata = {"name": name} if name else {"generateName": "made-"}
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none.local/i"}]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {
        "suspend": True, "template": template, **spec}}  # fmt: skip


def config_map(name, **more):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **more}}


def test_the_version_is_told(probe):
    assert probe.get("/version").body["gitVersion"].startswith("v1.")


def test_discovery_lists_kinds_with_their_status_subresource(probe):
    found = {entry["name"]: entry for entry in probe.get("/apis/batch/v1").body["resources"]}
    assert found["jobs"]["namespaced"] is True
    assert "jobs/status" in found


def test_discovery_of_one_group_names_its_preferred_version(probe):
    body = probe.get("/apis/batch").body
    assert body["preferredVersion"] == {"groupVersion": "batch/v1", "version": "v1"}


def test_the_list_of_groups_holds_every_group(probe):
    names = {group["name"] for group in probe.get("/apis").body["groups"]}
    assert {"batch", "rbac.authorization.k8s.io", "storage.k8s.io", "apiextensions.k8s.io"} <= names


def test_an_unknown_path_is_404(probe):
    assert probe.get("/apis/no.such/v1/things").code == 404


def test_a_new_namespace_is_active_and_labelled_with_its_name(probe):
    body = probe.get(f"/api/v1/namespaces/{probe.namespace}").body
    assert body["status"]["phase"] == "Active"
    assert body["metadata"]["labels"]["kubernetes.io/metadata.name"] == probe.namespace


def test_a_created_object_gets_uid_version_time_and_generation(probe):
    reply = probe.post(probe.jobs, job("a"))
    assert reply.code == 201
    assert {"uid", "resourceVersion", "creationTimestamp"} <= reply.body["metadata"].keys()
    assert reply.body["metadata"]["generation"] == 1


def test_a_job_gets_its_defaults(probe):
    spec = probe.post(probe.jobs, job("a")).body["spec"]
    found = {key: spec[key] for key in ("backoffLimit", "completions", "parallelism", "completionMode")}
    assert found == {"backoffLimit": 6, "completions": 1, "parallelism": 1, "completionMode": "NonIndexed"}
    assert spec["podReplacementPolicy"] == "TerminatingOrFailed"


def test_a_pod_template_gets_its_defaults(probe):
    pod = probe.post(probe.jobs, job("a")).body["spec"]["template"]["spec"]
    assert (pod["dnsPolicy"], pod["schedulerName"], pod["terminationGracePeriodSeconds"]) == (
        "ClusterFirst", "default-scheduler", 30,
    )  # fmt: skip
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["containers"][0]["terminationMessagePath"] == "/dev/termination-log"


def test_a_job_and_its_template_are_labelled_with_the_job(probe):
    made = probe.post(probe.jobs, job("a")).body
    uid = made["metadata"]["uid"]
    wanted = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": "a", "job-name": "a"}
    assert wanted.items() <= made["spec"]["template"]["metadata"]["labels"].items()
    assert made["spec"]["selector"]["matchLabels"] == {"batch.kubernetes.io/controller-uid": uid}


def test_a_second_object_of_the_same_name_already_exists(probe):
    probe.post(probe.jobs, job("a"))
    reply = probe.post(probe.jobs, job("a"))
    assert (reply.code, reply.reason) == (409, "AlreadyExists")
    assert reply.body["message"] == 'jobs.batch "a" already exists'


def test_a_missing_object_is_not_found_with_details(probe):
    reply = probe.get(f"{probe.jobs}/nobody")
    assert (reply.code, reply.reason) == (404, "NotFound")
    assert reply.body["details"] == {"name": "nobody", "group": "batch", "kind": "jobs"}
    assert (reply.body["kind"], reply.body["status"]) == ("Status", "Failure")


def test_nothing_is_created_in_a_missing_namespace(probe):
    reply = probe.post("/api/v1/namespaces/no-such-place/configmaps", config_map("a"))
    assert (reply.code, reply.body["message"]) == (404, 'namespaces "no-such-place" not found')


def test_a_generated_name_has_five_random_characters(probe):
    assert re.fullmatch(r"made-[a-z0-9]{5}", probe.post(probe.jobs, job()).body["metadata"]["name"])


def test_an_object_without_a_name_is_invalid(probe):
    body = {**job("a"), "metadata": {}}
    assert probe.post(probe.jobs, body).code == 422


@pytest.mark.parametrize("name", ["Bad_Name", "-a", "a" * 64])
def test_a_bad_job_name_is_invalid(probe, name):
    reply = probe.post(probe.jobs, job(name))
    assert (reply.code, reply.body["details"]["causes"][0]["field"]) == (422, "metadata.name")


def test_a_bad_label_value_is_invalid(probe):
    reply = probe.post(probe.maps, config_map("a", labels={"k": "not ok!"}))
    assert (reply.code, reply.body["details"]["causes"][0]["field"]) == (422, "metadata.labels")


def test_a_body_for_another_namespace_is_refused(probe):
    assert probe.post(probe.maps, config_map("a", namespace="default")).code == 400


def test_a_body_of_another_kind_is_refused(probe):
    assert probe.post(probe.maps, job("a")).code == 400


def test_a_body_that_is_no_json_is_refused(probe):
    assert probe.call("POST", probe.maps, None, **{"Content-Type": "application/json"}).code == 400


def test_a_word_for_a_number_is_a_bad_request(probe):
    reply = probe.post(probe.jobs, job("a", parallelism="x"))
    assert reply.code == 400
    assert "cannot unmarshal string into Go struct field" in reply.body["message"]


def test_a_job_without_containers_is_invalid(probe):
    body = job("a")
    del body["spec"]["template"]["spec"]["containers"]
    reply = probe.post(probe.jobs, body)
    assert (reply.code, reply.reason) == (422, "Invalid")
    assert reply.body["details"]["causes"][0]["field"] == "spec.template.spec.containers"


def test_an_init_container_is_checked_like_the_others(probe):
    body = job("a")
    body["spec"]["template"]["spec"]["initContainers"] = [{"name": "i"}]
    reply = probe.post(probe.jobs, body)
    assert [cause["field"] for cause in reply.body["details"]["causes"]] == [
        "spec.template.spec.initContainers[0].image"
    ]


@pytest.mark.parametrize("policy", ["Always", None])
def test_a_job_must_say_never_or_on_failure(probe, policy):
    body = job("a")
    body["spec"]["template"]["spec"]["restartPolicy"] = policy
    reply = probe.post(probe.jobs, body)
    fields = [cause["field"] for cause in reply.body["details"]["causes"]]
    assert (reply.code, fields) == (422, ["spec.template.spec.restartPolicy"])


def test_a_negative_parallelism_is_invalid(probe):
    assert probe.post(probe.jobs, job("a", parallelism=-1)).code == 422


def test_an_indexed_job_needs_completions(probe):
    reply = probe.post(probe.jobs, job("a", completionMode="Indexed", parallelism=2))
    assert "spec.completions" in [cause["field"] for cause in reply.body["details"]["causes"]]


def test_a_mount_without_its_volume_is_invalid(probe):
    body = job("a")
    body["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
    assert probe.post(probe.jobs, body).code == 422


def test_a_quantity_that_is_none_is_refused(probe):
    body = job("a")
    body["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "lots"}}
    assert probe.post(probe.jobs, body).code == 400


@pytest.mark.parametrize("path", [
    ("spec", "nope"),
    ("spec", "template", "spec", "nope"),
    ("spec", "template", "spec", "containers", 0, "nope"),
    ("spec", "template", "spec", "containers", 0, "resources", "nope"),
])  # fmt: skip
def test_strict_validation_names_an_unknown_field(probe, path):
    body = job("a")
    part = body
    for step in path[:-1]:
        part = part.setdefault(step, {}) if isinstance(part, dict) else part[step]
    part[path[-1]] = 1
    reply = probe.post(f"{probe.jobs}?fieldValidation=Strict", body)
    assert reply.code == 400
    assert 'unknown field "spec.' in reply.body["message"]
    assert "nope" in reply.body["message"]


def test_without_strict_validation_an_unknown_field_is_dropped(probe):
    reply = probe.post(f"{probe.jobs}?fieldValidation=Ignore", job("a", nope=1))
    assert (reply.code, "nope" in reply.body["spec"]) == (201, False)


def test_a_dry_run_answers_and_keeps_nothing(probe):
    assert probe.post(f"{probe.jobs}?dryRun=All", job("a")).code == 201
    assert probe.get(f"{probe.jobs}/a").code == 404


def test_a_replace_with_a_stale_version_conflicts(probe):
    old = probe.post(probe.maps, config_map("a")).body
    new = {**copy.deepcopy(old), "data": {"k": "v"}}
    assert probe.call("PUT", f"{probe.maps}/a", new).code == 200
    reply = probe.call("PUT", f"{probe.maps}/a", {**new, "data": {"k": "w"}})
    assert (reply.code, reply.reason) == (409, "Conflict")


def test_a_replace_takes_away_what_it_does_not_name(probe):
    probe.post(probe.maps, {**config_map("a"), "data": {"k": "v"}})
    assert "data" not in probe.call("PUT", f"{probe.maps}/a", config_map("a")).body


def test_a_replace_under_another_name_is_refused(probe):
    probe.post(probe.maps, config_map("a"))
    assert probe.call("PUT", f"{probe.maps}/a", config_map("b")).code == 400


def test_the_template_of_a_started_job_is_immutable(probe, eventually):
    probe.post(probe.jobs, job("a", suspend=False))
    eventually(lambda: (probe.get(f"{probe.jobs}/a").body.get("status") or {}).get("startTime"))
    change = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "other"}]
    reply = probe.patch(f"{probe.jobs}/a", change, "application/json-patch+json")
    assert (reply.code, reply.body["details"]["causes"][0]["field"]) == (422, "spec.template")


def test_the_template_of_a_suspended_job_may_change(probe, eventually):
    probe.post(probe.jobs, job("a"))
    eventually(lambda: probe.get(f"{probe.jobs}/a").body.get("status"))
    change = {"spec": {"template": {"spec": {"nodeSelector": {"k": "v"}}}}}
    assert probe.patch(f"{probe.jobs}/a", change).code == 200


def test_a_wrong_token_is_unauthorized(probe):
    reply = probe.call("GET", probe.jobs, Authorization="Bearer wrong")
    assert (reply.code, reply.reason) == (401, "Unauthorized")


def test_health_needs_no_token(probe):
    for path in ("/readyz", "/healthz", "/version"):
        assert probe.call("GET", path, Authorization="").code == 200

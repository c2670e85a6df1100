"""What any API server does with changes: patches, the status subresource, deletion."""

import pytest

JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


@pytest.fixture
def job(probe):
    """Give the path of a suspended Job."""
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none.local/i"}]}}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "labels": {"team": "x"}},
            "spec": {"suspend": True, "template": template}}  # fmt: skip
    assert probe.post(probe.jobs, body).code == 201
    return f"{probe.jobs}/a"


def config_map(probe, name, **metadata):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}
    assert probe.post(probe.maps, body).code == 201
    return f"{probe.maps}/{name}"


def test_a_change_of_the_spec_raises_version_and_generation(probe, job):
    before = probe.get(job).body["metadata"]
    after = probe.patch(job, {"spec": {"backoffLimit": 2}}).body["metadata"]
    assert after["generation"] == before["generation"] + 1
    assert int(after["resourceVersion"]) > int(before["resourceVersion"])


def test_a_change_of_metadata_leaves_the_generation(probe, job):
    assert probe.patch(job, {"metadata": {"annotations": {"k": "v"}}}).body["metadata"]["generation"] == 1


def test_null_removes_a_key(probe, job):
    assert "team" not in probe.patch(job, {"metadata": {"labels": {"team": None}}}).body["metadata"]["labels"]


def test_a_change_that_changes_nothing_keeps_the_version(probe):
    path = config_map(probe, "m", labels={"k": "v"})
    before = probe.get(path).body["metadata"]["resourceVersion"]
    after = probe.patch(path, {"metadata": {"labels": {"k": "v"}}}).body["metadata"]["resourceVersion"]
    assert after == before


def test_a_json_patch_adds(probe, job):
    reply = probe.patch(job, [{"op": "add", "path": "/metadata/labels/new", "value": "1"}], JSON)
    assert reply.body["metadata"]["labels"]["new"] == "1"


def test_a_json_patch_whose_test_fails_is_refused(probe, job):
    assert probe.patch(job, [{"op": "test", "path": "/metadata/labels/team", "value": "y"}], JSON).code == 422


def test_a_strategic_patch_merges_a_list_by_key(probe):
    path = f"/api/v1/namespaces/{probe.namespace}/serviceaccounts"
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}, "secrets": [{"name": "one"}]}
    probe.post(path, body)
    reply = probe.patch(f"{path}/s", {"secrets": [{"name": "two"}]}, STRATEGIC)
    assert {secret["name"] for secret in reply.body["secrets"]} == {"one", "two"}


def test_a_strategic_patch_deletes_from_a_list_by_key(probe):
    path = f"/api/v1/namespaces/{probe.namespace}/serviceaccounts"
    secrets = [{"name": "one"}, {"name": "two"}]
    probe.post(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}, "secrets": secrets})
    reply = probe.patch(f"{path}/s", {"secrets": [{"$patch": "delete", "name": "one"}]}, STRATEGIC)
    assert reply.body["secrets"] == [{"name": "two"}]


def test_a_list_is_no_merge_patch(probe, job):
    reply = probe.patch(job, [{"op": "add", "path": "/metadata/labels/x", "value": "1"}])
    assert (reply.code, reply.reason) == (400, "BadRequest")


def test_an_unknown_kind_of_patch_is_unsupported(probe, job):
    assert probe.patch(job, {}, "application/json").code == 415


def test_a_patch_with_a_stale_version_conflicts(probe, job):
    assert probe.patch(job, {"metadata": {"resourceVersion": "1", "labels": {"z": "1"}}}).code == 409


def test_a_patch_of_the_object_leaves_its_status(probe, job):
    reply = probe.patch(job, {"status": {"active": 7}})
    assert (reply.code, reply.body.get("status", {}).get("active")) == (200, None)


def test_a_patch_of_the_status_leaves_the_rest(probe, job):
    reply = probe.patch(f"{job}/status", {"status": {"failed": 3}, "spec": {"parallelism": 9}})
    assert (reply.body["status"]["failed"], reply.body["spec"]["parallelism"]) == (3, 1)
    assert reply.body["metadata"]["generation"] == 1


def test_a_kind_without_status_has_no_status_path(probe):
    assert probe.get(f"{config_map(probe, 'm')}/status").code == 404


def test_a_deleted_object_is_gone(probe):
    path = config_map(probe, "m")
    assert probe.call("DELETE", path).body["status"] == "Success"
    assert probe.get(path).code == 404


def test_a_finalizer_holds_a_deleted_object(probe):
    path = config_map(probe, "m", finalizers=["example.com/wait"])
    assert "deletionTimestamp" in probe.call("DELETE", path).body["metadata"]
    assert probe.get(path).code == 200
    probe.patch(path, {"metadata": {"finalizers": None}})
    assert probe.get(path).code == 404


@pytest.mark.parametrize("precondition", [{"resourceVersion": "1"}, {"uid": "not-this-one"}])
def test_a_delete_whose_precondition_fails_conflicts(probe, precondition):
    path = config_map(probe, "m")
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": precondition}
    assert probe.call("DELETE", path, options).code == 409
    assert probe.get(path).code == 200


def test_a_dry_delete_keeps_the_object(probe):
    path = config_map(probe, "m")
    assert probe.call("DELETE", f"{path}?dryRun=All").code == 200
    assert probe.get(path).code == 200


def test_a_collection_is_deleted_by_label(probe):
    gone, kept = config_map(probe, "gone", labels={"s": "1"}), config_map(probe, "kept")
    assert probe.call("DELETE", f"{probe.maps}?labelSelector=s%3D1").code == 200
    assert (probe.get(gone).code, probe.get(kept).code) == (404, 200)


def reference(probe, owner):
    metadata = probe.get(owner).body["metadata"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": metadata["name"], "uid": metadata["uid"]}


def test_what_an_object_owns_goes_with_it(probe, eventually):
    owner = config_map(probe, "owner")
    owned = config_map(probe, "owned", ownerReferences=[reference(probe, owner)])
    probe.call("DELETE", owner)
    eventually(lambda: probe.get(owned).code == 404)


def test_an_orphan_stays_without_its_owner(probe, eventually):
    owner = config_map(probe, "owner")
    owned = config_map(probe, "owned", ownerReferences=[reference(probe, owner)])
    probe.call("DELETE", f"{owner}?propagationPolicy=Orphan")
    eventually(lambda: probe.get(owner).code == 404)
    assert "ownerReferences" not in probe.get(owned).body["metadata"]


def test_a_foreground_delete_waits_for_what_is_owned(probe, eventually):
    owner = config_map(probe, "owner")
    blocking = {**reference(probe, owner), "blockOwnerDeletion": True}
    owned = config_map(probe, "owned", ownerReferences=[blocking], finalizers=["example.com/wait"])
    probe.call("DELETE", f"{owner}?propagationPolicy=Foreground")
    eventually(lambda: "deletionTimestamp" in probe.get(owned).body["metadata"])
    assert probe.get(owner).code == 200
    probe.patch(owned, {"metadata": {"finalizers": None}})
    eventually(lambda: probe.get(owner).code == 404)


def test_a_deleted_namespace_takes_its_contents_along(probe, job, eventually):
    probe.call("DELETE", f"/api/v1/namespaces/{probe.namespace}")
    eventually(lambda: probe.get(f"/api/v1/namespaces/{probe.namespace}").code == 404)
    assert probe.get(job).code == 404

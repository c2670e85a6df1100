"""Lists as tables, and the documents from which clients learn what is served."""

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def config_map(probe, name):
    return probe.post(probe.maps, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})


def test_a_client_that_asks_for_a_table_gets_rows_with_metadata(probe):
    config_map(probe, "shown")
    reply = probe.call("GET", f"{probe.maps}?fieldSelector=metadata.name%3Dshown", Accept=TABLE)
    assert (reply.body["kind"], reply.body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    names = [column["name"] for column in reply.body["columnDefinitions"]]
    (row,) = reply.body["rows"]
    assert row["cells"][names.index("Name")] == "shown"
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "shown"


def test_one_object_is_a_table_of_one_row(probe):
    config_map(probe, "one")
    assert len(probe.call("GET", f"{probe.maps}/one", Accept=TABLE).body["rows"]) == 1


def test_a_table_can_hold_the_whole_object_or_none(probe):
    config_map(probe, "whole")
    path = f"{probe.maps}?fieldSelector=metadata.name%3Dwhole&includeObject="
    assert probe.call("GET", path + "Object", Accept=TABLE).body["rows"][0]["object"]["kind"] == "ConfigMap"
    assert probe.call("GET", path + "None", Accept=TABLE).body["rows"][0].get("object") is None


def test_a_client_that_prefers_json_gets_json(probe):
    assert (
        probe.call("GET", probe.maps, Accept="application/json,application/json;as=Table;v=v1;g=meta.k8s.io").body[
            "kind"
        ]
        == "ConfigMapList"
    )


def test_the_openapi_index_leads_to_a_document_for_each_group(probe):
    paths = probe.get("/openapi/v3").body["paths"]
    document = probe.get(paths["apis/batch/v1"]["serverRelativeURL"]).body
    kinds = [
        one
        for schema in document["components"]["schemas"].values()
        for one in schema.get("x-kubernetes-group-version-kind", [])
    ]
    assert {"group": "batch", "kind": "Job", "version": "v1"} in kinds


def test_strict_validation_is_announced_where_it_is_offered(probe):
    document = probe.get("/openapi/v3/apis/batch/v1").body
    patch = document["paths"]["/apis/batch/v1/namespaces/{namespace}/jobs/{name}"]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in patch["parameters"]]


def test_a_body_in_a_form_that_is_not_read_is_unsupported(probe):
    reply = probe.call("POST", probe.maps, {}, "application/x-unheard-of")
    assert (reply.code, reply.reason) == (415, "UnsupportedMediaType")

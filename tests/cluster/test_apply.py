"""What any API server does with server-side apply."""


def values(reply):
    return reply.body.get("data")


def managers(reply):
    return {(entry["manager"], entry["operation"]) for entry in reply.body["metadata"]["managedFields"]}


def test_the_first_apply_creates_and_owns(probe):
    reply = probe.apply("m", "one", {"a": "1"})
    assert (reply.code, managers(reply)) == (201, {("one", "Apply")})
    assert reply.body["metadata"]["managedFields"][0]["fieldsV1"]["f:data"]["f:a"] == {}


def test_the_same_apply_again_changes_nothing(probe):
    first, second = probe.apply("m", "one", {"a": "1"}), probe.apply("m", "one", {"a": "1"})
    assert (second.code, second.body["metadata"]) == (200, first.body["metadata"])


def test_the_same_apply_again_changes_nothing_either_after_another_managers(probe):
    probe.apply("m", "one", {"a": "1"})
    before = probe.apply("m", "two", {"b": "1"})
    after = probe.apply("m", "one", {"a": "1"})
    assert after.body["metadata"]["resourceVersion"] == before.body["metadata"]["resourceVersion"]


def test_a_field_of_another_manager_conflicts(probe):
    probe.apply("m", "one", {"a": "1"})
    reply = probe.apply("m", "two", {"a": "2"})
    assert (reply.code, reply.reason) == (409, "Conflict")
    assert reply.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}
    ]


def test_every_field_in_conflict_is_a_cause(probe):
    probe.apply("m", "one", {"a": "1", "b": "1"})
    reply = probe.apply("m", "two", {"a": "2", "b": "2"})
    assert {cause["field"] for cause in reply.body["details"]["causes"]} == {".data.a", ".data.b"}


def test_the_same_value_is_shared_without_conflict(probe):
    probe.apply("m", "one", {"a": "1"})
    reply = probe.apply("m", "two", {"a": "1"})
    assert (reply.code, managers(reply)) == (200, {("one", "Apply"), ("two", "Apply")})


def test_force_takes_a_field_over(probe):
    probe.apply("m", "one", {"a": "1", "b": "1"})
    assert values(probe.apply("m", "two", {"a": "2"}, "&force=true")) == {"a": "2", "b": "1"}
    assert probe.apply("m", "one", {"a": "1", "b": "1"}).code == 409


def test_a_field_no_longer_declared_is_removed(probe):
    probe.apply("m", "one", {"a": "1", "b": "1"})
    assert values(probe.apply("m", "one", {"b": "1"})) == {"b": "1"}


def test_a_field_another_manager_declares_too_stays(probe):
    probe.apply("m", "one", {"a": "1", "b": "1"})
    probe.apply("m", "two", {"a": "1"})
    assert values(probe.apply("m", "one", {"b": "1"})) == {"a": "1", "b": "1"}


def test_an_edit_by_hand_conflicts_with_the_next_apply(probe):
    probe.apply("m", "one", {"a": "1"})
    probe.patch(f"{probe.maps}/m?fieldManager=hand", {"data": {"a": "2"}})
    reply = probe.apply("m", "one", {"a": "1"})
    assert reply.code == 409
    assert reply.body["details"]["causes"][0]["message"].startswith('conflict with "hand" using v1')


def test_an_apply_needs_a_manager(probe):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}}
    assert probe.patch(f"{probe.maps}/m", body, "application/apply-patch+yaml").code == 400


def test_a_strict_apply_names_an_unknown_field(probe):
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "nope": 1}
    path = f"{probe.maps}/m?fieldManager=one&fieldValidation=Strict"
    reply = probe.patch(path, body, "application/apply-patch+yaml")
    assert (reply.code, probe.get(f"{probe.maps}/m").code) == (400, 404)


def test_a_dry_apply_keeps_nothing(probe):
    assert probe.apply("m", "one", {"a": "1"}, "&dryRun=All").code == 201
    assert probe.get(f"{probe.maps}/m").code == 404

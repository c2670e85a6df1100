"""What any API server does with many objects: lists, selectors, pages, watches."""

import threading
import time

import pytest


@pytest.fixture
def maps(probe):
    for name, labels in (("a", {"team": "x"}), ("b", {"team": "y"}), ("c", {"team": "x", "new": "yes"})):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}
        assert probe.post(probe.maps, body).code == 201
    return probe


def mine(reply):
    return [name for name in reply.names if name != "kube-root-ca.crt"]


def version(probe):
    return probe.get(probe.maps).body["metadata"]["resourceVersion"]


def test_a_list_has_its_own_kind_and_version(maps):
    body = maps.get(maps.maps).body
    assert (body["kind"], body["apiVersion"]) == ("ConfigMapList", "v1")
    assert body["metadata"]["resourceVersion"].isdigit()


@pytest.mark.parametrize(("selector", "names"), [
    ("team=x", ["a", "c"]),
    ("team==y", ["b"]),
    ("team!=x", ["b"]),
    ("team in (x,y),!new", ["a", "b"]),
    ("team notin (y)", ["a", "c"]),
    ("new", ["c"]),
    ("team=x,new=yes", ["c"]),
])  # fmt: skip
def test_labels_select(maps, selector, names):
    reply = maps.get(f"{maps.maps}?labelSelector={selector.replace('=', '%3D')}".replace(" ", "%20"))
    assert mine(reply) == names


def test_a_selector_that_cannot_be_read_is_refused(maps):
    assert maps.get(f"{maps.maps}?labelSelector=a%20b%20c").code == 400


def test_the_name_selects_as_a_field(maps):
    assert maps.get(f"{maps.maps}?fieldSelector=metadata.name%3Db").names == ["b"]
    assert "b" not in maps.get(f"{maps.maps}?fieldSelector=metadata.name!%3Db").names


def test_a_field_that_is_not_indexed_is_refused(maps):
    assert maps.get(f"{maps.maps}?fieldSelector=data.k%3Dv").code == 400


def test_all_namespaces_are_listed_at_once(maps):
    found = maps.get("/api/v1/configmaps").body["items"]
    assert {"a", "b", "c"} <= {m["metadata"]["name"] for m in found if m["metadata"]["namespace"] == maps.namespace}


def test_pages_follow_each_other_without_gap_or_repeat(maps):
    first = maps.get(f"{maps.maps}?limit=2&labelSelector=team")
    token = first.body["metadata"]["continue"]
    second = maps.get(f"{maps.maps}?limit=2&labelSelector=team&continue={token}")
    assert first.names + second.names == ["a", "b", "c"]
    assert "continue" not in second.body["metadata"]


def test_a_page_shows_the_moment_of_the_first_one(maps):
    token = maps.get(f"{maps.maps}?limit=1&labelSelector=team").body["metadata"]["continue"]
    maps.call("DELETE", f"{maps.maps}/c")
    assert maps.get(f"{maps.maps}?limit=5&labelSelector=team&continue={token}").names == ["b", "c"]


def test_a_token_that_is_none_is_refused(maps):
    assert maps.get(f"{maps.maps}?limit=1&continue=nonsense!").code == 400


def test_a_watch_tells_what_happens_after_its_version(maps, eventually):
    seen = []
    since = version(maps)
    path = f"{maps.maps}?resourceVersion={since}"
    watcher = threading.Thread(target=lambda: seen.extend(maps.watch(path, 2)))
    watcher.start()
    maps.post(maps.maps, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "w"}})
    maps.patch(f"{maps.maps}/w", {"data": {"k": "v"}})
    maps.call("DELETE", f"{maps.maps}/w")
    watcher.join()
    told = [(event["type"], event["object"]["metadata"]["name"]) for event in seen]
    assert told == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")]


def test_a_watch_replays_what_it_missed(maps):
    since = version(maps)
    maps.call("DELETE", f"{maps.maps}/a")
    events = list(maps.watch(f"{maps.maps}?resourceVersion={since}"))
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [("DELETED", "a")]


def test_a_watch_without_a_version_starts_with_everything(maps):
    events = list(maps.watch(f"{maps.maps}?labelSelector=team"))
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c"),
    ]  # fmt: skip


def test_a_watch_ends_after_its_time(maps):
    start = time.monotonic()
    assert list(maps.watch(f"{maps.maps}?resourceVersion={version(maps)}", 1)) == []
    assert 0.8 < time.monotonic() - start < 3


def test_a_watch_tells_only_what_its_selector_selects(maps):
    since = version(maps)
    for name, labels in (("plain", {}), ("chosen", {"s": "1"})):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}
        maps.post(maps.maps, body)
    events = list(maps.watch(f"{maps.maps}?resourceVersion={since}&labelSelector=s%3D1"))
    assert [event["object"]["metadata"]["name"] for event in events] == ["chosen"]


def test_a_watch_tells_of_an_object_that_leaves_its_selector(maps):
    since = version(maps)
    maps.patch(f"{maps.maps}/a", {"metadata": {"labels": {"team": "z"}}})
    events = list(maps.watch(f"{maps.maps}?resourceVersion={since}&labelSelector=team%3Dx"))
    assert [event["type"] for event in events] == ["DELETED"]

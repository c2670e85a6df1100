"""The cluster adapter on a real API server that is busy, forgets, refuses or does not answer."""

import time
from collections.abc import Iterator

import pytest
from dropforge.adapters import cluster, connections
from dropforge.adapters.connections import Connection, connect
from dropforge.domain import observed
from dropforge.domain.jobs import render
from dropforge.domain.observed import Job, Page
from dropforge.domain.waiting import managed
from dropforge.errors import InvalidInput, Unavailable
from time_machine import travel

from tests.builders import dataset
from tests.contracts.repository import Document
from tests.functions.site import Site


@pytest.fixture
def writer(onsite: Site) -> Connection:
    return connect(onsite.spec, "writer")


def job(onsite: Site, name: str) -> Document:
    plan = onsite.plan(name, "pass\n")
    run = onsite.claim(plan, f"e-{name}")
    return render(plan, dataset(), run, plan.steps[-1])


def names(writer: Connection, onsite: Site) -> list[str]:
    return sorted(found.metadata.name for found in cluster.list_jobs(writer, onsite.namespace, managed("test")))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(onsite: Site, writer: Connection, status: int) -> None:
    onsite.cluster.refuse(connections.TRIES - 1, status, None, "list", "jobs")
    assert names(writer, onsite) == []


def test_a_server_that_stays_busy_is_told_as_such(onsite: Site, writer: Connection) -> None:
    onsite.cluster.refuse(connections.TRIES, 503, None, "list", "jobs")
    with pytest.raises(Unavailable, match="503"):
        names(writer, onsite)


def test_what_the_server_asks_to_wait_is_waited(onsite: Site, writer: Connection) -> None:
    onsite.cluster.refuse(1, 429, 1, "list", "jobs")
    began = time.monotonic()
    names(writer, onsite)
    assert 1 <= time.monotonic() - began < 4


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_apply_and_a_delete_whose_answer_is_lost_are_repeated_without_harm(
    onsite: Site, writer: Connection, when: str
) -> None:
    wanted = job(onsite, f"lost-{when}")
    name = wanted["metadata"]["name"]
    onsite.cluster.record()
    onsite.cluster.fail_request("patch", "jobs", 1, when, None)  # type: ignore[arg-type]
    cluster.apply(writer, wanted)
    assert names(writer, onsite) == [name]
    onsite.cluster.fail_request("delete", "jobs", 1, when, None)  # type: ignore[arg-type]
    cluster.delete_job(writer, onsite.namespace, name)
    assert names(writer, onsite) == []


def test_nothing_that_listens_is_unavailable_and_named(onsite: Site, writer: Connection) -> None:
    onsite.cluster.pause()
    with pytest.raises(Unavailable) as raised:
        names(writer, onsite)
    assert raised.value.failure.code == "ClusterUnreachable"
    assert onsite.spec.name in raised.value.failure.why


def test_a_list_that_the_server_forgets_is_read_again_and_gives_each_object_once(
    onsite: Site, writer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PAGE", 2)
    made = sorted(job(onsite, f"many-{number}")["metadata"]["name"] for number in range(5))
    for number in range(5):
        cluster.apply(writer, job(onsite, f"many-{number}"))
    listed = cluster.list_jobs(writer, onsite.namespace, managed("test"))
    found = [next(listed).metadata.name for _ in range(2)]
    onsite.cluster.expire()
    found += [one.metadata.name for one in listed]
    assert sorted(found) == made


def forget_after_each(onsite: Site, pages: Iterator[Page[Job]]) -> None:
    for _ in pages:
        onsite.cluster.expire()


def test_a_list_that_is_forgotten_again_and_again_is_given_up(
    onsite: Site, writer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PAGE", 1)
    for number in range(3):
        cluster.apply(writer, job(onsite, f"again-{number}"))
    pages = cluster._pages(writer, cluster.JOBS.format(namespace=onsite.namespace), "", observed.JOBS)
    with pytest.raises(Unavailable, match="could not be read to its end 4 times"):
        forget_after_each(onsite, pages)


def test_a_field_that_the_server_does_not_know_is_refused_by_name(onsite: Site, writer: Connection) -> None:
    wanted = job(onsite, "typo")
    wanted["spec"]["paralelism"] = 1
    with pytest.raises(InvalidInput, match=r"unknown field \\+\"spec\.paralelism"):
        cluster.apply(writer, wanted)
    assert names(writer, onsite) == []


def test_what_is_not_there_is_deleted_and_has_no_log(onsite: Site, writer: Connection) -> None:
    cluster.delete_job(writer, onsite.namespace, "never-made")
    assert cluster.log(writer, onsite.namespace, "never-made", 10) == []


def test_a_kind_that_the_cluster_does_not_serve_is_refused(onsite: Site, writer: Connection) -> None:
    with pytest.raises(InvalidInput) as raised:
        connections.request(writer, "GET", "/apis/kueue.x-k8s.io/v9/workloads")
    assert (raised.value.failure.code, connections.status_of(raised.value)) == ("ClusterRefused", 404)


def test_one_unauthorized_is_answered_with_a_new_token(onsite: Site, writer: Connection) -> None:
    before = writer.api.default_headers["Authorization"]
    onsite.cluster.refuse(1, 401, None, "list", "jobs")
    assert names(writer, onsite) == []
    assert writer.api.default_headers["Authorization"] != before


def test_an_unauthorized_that_stays_is_told(onsite: Site, writer: Connection) -> None:
    onsite.cluster.refuse(2, 401, None, "list", "jobs")
    with pytest.raises(InvalidInput) as raised:
        names(writer, onsite)
    assert raised.value.failure.code == "ClusterNameMismatch"  # its time and its entry are right


def test_a_token_is_kept_for_fourteen_minutes_and_each_role_has_its_own(onsite: Site, writer: Connection) -> None:
    token = writer.api.default_headers["Authorization"]
    assert connect(onsite.spec, "writer") is writer
    assert connect(onsite.spec, "reader").api.default_headers["Authorization"] != token
    with travel(time.time() + connections.TOKEN_SECONDS - 5):
        assert connect(onsite.spec, "writer").api.default_headers["Authorization"] == token
    with travel(time.time() + connections.TOKEN_SECONDS + 5):
        assert connect(onsite.spec, "writer").api.default_headers["Authorization"] != token


def test_workloads_are_read_in_the_newest_version_of_kueue_and_the_version_is_asked_once(
    onsite: Site,
) -> None:
    reader = connect(onsite.spec, "reader")
    onsite.cluster.record()
    for _ in range(2):
        list(cluster.list_workloads(reader, onsite.namespace))
    paths = [seen.path.partition("?")[0] for seen in onsite.cluster.requests()]
    assert paths == [
        "/apis/kueue.x-k8s.io",
        *[f"/apis/kueue.x-k8s.io/v1beta2/namespaces/{onsite.namespace}/workloads"] * 2,
    ]

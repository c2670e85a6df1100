"""Pods near each other: which domains a Workload gets, that its pods are told, and what happens where there is no room."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client.exceptions import ApiException

from localcloud.kubernetes.topology import Landscape, Wish, read_places, written
from tests.localcloud.kubernetes.kueue_world import GROUP

LEVELS = ("block", "rack", "kubernetes.io/hostname")
RACK, HOST = LEVELS[1:]
POD = {"gpu": Fraction(1)}


def landscape(**hosts):
    """Hosts by name: `b1r2x` lies in block b1 and rack r2; the number is what is free there."""
    free = {(name[:2], name[2:4], name): {"gpu": Fraction(gpus)} for name, gpus in hosts.items()}
    return Landscape("t", LEVELS, free)


def hosts(places):
    return {values[-1]: count for values, count in places}


def test_the_fullest_rack_that_has_room_for_all_is_taken():
    ground = landscape(b1r1x=4, b1r2x=2, b1r2y=1)
    assert hosts(ground.place(Wish(RACK, must=True, anywhere=False), 3, POD)) == {"b1r2x": 2, "b1r2y": 1}


def test_as_few_hosts_as_can_be_are_taken():
    ground = landscape(b1r1x=1, b1r1y=3, b1r1z=2)
    assert hosts(ground.place(Wish(RACK, must=True, anywhere=False), 4, POD)) == {"b1r1y": 3, "b1r1x": 1}


def test_what_must_be_together_and_finds_no_room_is_told_how_many_would():
    ground = landscape(b1r1x=2, b1r2x=1)
    assert (
        ground.place(Wish(RACK, must=True, anywhere=False), 3, POD)
        == 'topology "t" allows to fit only 2 out of 3 pod(s)'
    )


def test_what_rather_is_together_goes_a_level_up_and_then_apart():
    ground = landscape(a1r1x=1, b1r1x=2, b1r2x=1)
    rather = Wish(RACK, must=False, anywhere=False)
    assert hosts(ground.place(rather, 3, POD)) == {"b1r1x": 2, "b1r2x": 1}
    assert hosts(ground.place(rather, 4, POD)) == {"b1r1x": 2, "b1r2x": 1, "a1r1x": 1}


GROUNDS = st.dictionaries(
    st.tuples(st.sampled_from(["b1", "b2"]), st.sampled_from(["r1", "r2"]), st.sampled_from("xyz")).map("".join),
    st.integers(0, 4),
    min_size=1,
)
WISHES = st.builds(Wish, st.sampled_from(LEVELS), st.booleans(), st.just(value=False))


@given(GROUNDS, WISHES, st.integers(1, 12))
def test_all_pods_are_placed_where_there_is_room_and_together_where_they_must(free, wish, count):
    places = landscape(**free).place(wish, count, POD)
    depth = LEVELS.index(wish.level) + 1
    sums = {}
    for name, gpus in free.items():
        domain = (name[:2], name[2:4], name)[:depth]
        sums[domain] = sums.get(domain, 0) + gpus
    fits = max(sums.values()) >= count if wish.must else sum(free.values()) >= count
    assert fits is not isinstance(places, str)
    if fits:
        assert sum(hosts(places).values()) == count
        assert all(free[host] >= number for host, number in hosts(places).items())
        assert not wish.must or len({values[:depth] for values, _ in places}) == 1


@given(GROUNDS, st.integers(1, 12))
def test_places_are_read_back_as_they_were_written(free, count):
    places = landscape(**free).place(Wish(HOST, must=False, anywhere=True), count, POD)
    if not isinstance(places, str):
        assert [((values[-1],), n) for values, n in places] == read_places(written(LEVELS, places))


@pytest.fixture
def racks(world):
    """A rack of two hosts with two CPUs each, and a queue of ten CPUs for them; no kubelet is behind them."""
    core = world.team.core
    world.create("Topology", "topologies", "t", spec={"levels": [{"nodeLabel": "rack"}, {"nodeLabel": HOST}]})
    names = [world.name(f"n{n}") for n in (1, 2)]
    for name in names:
        labels = {"rack": world.name("r"), HOST: name}
        core.create_node({"metadata": {"name": name, "labels": labels}})
        amounts = {"cpu": "2", "pods": "110"}
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        core.patch_node_status(name, {"status": {"allocatable": amounts, "conditions": [ready]}})
    labels = {"rack": world.name("r")}
    world.create("ResourceFlavor", "resourceflavors", "f", spec={"nodeLabels": labels, "topologyName": world.name("t")})
    world.queue("q", f="10")
    yield world
    for name in names:
        core.delete_node(name)


def together(world, job, pods, cpu=2, kind="required", level="rack"):
    annotations = {f"kueue.x-k8s.io/podset-{kind}-topology": level}
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": str(cpu)}}}
    template = {"metadata": {"annotations": annotations}, "spec": {"restartPolicy": "Never", "containers": [container]}}
    spec = {"parallelism": pods, "completions": pods, "completionMode": "Indexed", "template": template}
    labels = {"kueue.x-k8s.io/queue-name": "q"}
    world.team.batch.create_namespaced_job(
        world.team.namespace, {"metadata": {"name": job, "labels": labels}, "spec": spec}
    )


def test_every_pod_is_told_its_host_by_its_index(racks, eventually):
    together(racks, "j", 2)
    racks.is_admitted("j")
    pods = eventually(lambda: len(found := racks.team.pods_of("j")) == 2 and found)
    eventually(lambda: all(not pod.spec.scheduling_gates for pod in racks.team.pods_of("j")))
    pods = racks.team.pods_of("j")
    assert [pod.spec.node_selector[HOST] for pod in pods] == [racks.name("n1"), racks.name("n2")]
    assert {pod.metadata.labels["kueue.x-k8s.io/tas"] for pod in pods} == {"true"}


def test_both_versions_tell_the_places_in_their_own_way(racks):
    together(racks, "j", 2)
    racks.is_admitted("j")
    newer = racks.workload("j")["status"]["admission"]["podSetAssignments"][0]["topologyAssignment"]
    places = [((racks.name("n1"),), 1), ((racks.name("n2"),), 1)]
    assert (newer["levels"], read_places(newer)) == ([HOST], places)
    path = (GROUP, "v1beta1", racks.team.namespace, "workloads", racks.workload("j")["metadata"]["name"])
    older = racks.team.custom.get_namespaced_custom_object(*path)
    found = older["status"]["admission"]["podSetAssignments"][0]["topologyAssignment"]
    assert found["domains"] == [{"count": 1, "values": [racks.name("n1")]}, {"count": 1, "values": [racks.name("n2")]}]


def test_quota_without_room_is_not_enough_and_room_comes_when_others_go(racks):
    together(racks, "first", 2)
    racks.is_admitted("first")
    together(racks, "second", 1)
    racks.waits("second", f'topology "{racks.name("t")}" doesn\'t allow to fit any of 1 pod(s)')
    racks.end("first")
    racks.is_admitted("second")


NOT_READY = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"unschedulable": True}},
        {"spec": {"taints": [{"key": "broken", "effect": "NoSchedule"}]}},
        {"status": {"conditions": [NOT_READY]}},
    ],
)
def test_a_node_that_takes_no_pods_is_no_place(racks, change):
    core = racks.team.core
    (core.patch_node_status if "status" in change else core.patch_node)(racks.name("n2"), change)
    together(racks, "j", 2)
    racks.waits("j", f'topology "{racks.name("t")}" allows to fit only 1 out of 2 pod(s)')


def test_an_evicted_job_forgets_its_place(racks):
    together(racks, "j", 2)
    racks.is_admitted("j")
    racks.change_queue("q", {"stopPolicy": "HoldAndDrain"})
    racks.waits("j", "is stopped")
    template = racks.team.read_job("j")["spec"]["template"]
    assert "schedulingGates" not in template["spec"]
    assert "kueue.x-k8s.io/tas" not in template["metadata"]["labels"]


def test_a_pod_behind_a_gate_is_bound_when_the_gate_is_opened(team, eventually):
    team.pod("p", spec={"schedulingGates": [{"name": "mine"}]})

    def scheduled():
        found = [c for c in team.read_pod("p").status.conditions or [] if c.type == "PodScheduled"]
        return [(c.status, c.reason) for c in found]

    eventually(lambda: scheduled() == [("False", "SchedulingGated")])
    team.core.patch_namespaced_pod("p", team.namespace, {"spec": {"schedulingGates": None}})
    team.pod_is("p", "Succeeded")


def test_a_job_without_a_wish_goes_where_there_is_room(racks):
    racks.run("plain", "q", 2)
    assignment = racks.workload("plain")["status"]["admission"]["podSetAssignments"][0]["topologyAssignment"]
    assert read_places(assignment) == [((racks.name("n1"),), 1)]


def test_a_level_that_the_topology_lacks_is_told(racks):
    together(racks, "j", 1, level="planet")
    racks.waits("j", f'Flavor "{racks.name("f")}" does not contain the requested level')


def test_a_queue_whose_topology_is_missing_is_inactive(world, eventually):
    spec = {"nodeLabels": {"a": "b"}, "topologyName": world.name("none")}
    world.create("ResourceFlavor", "resourceflavors", "f", spec=spec)
    world.queue("q", f="1")
    world.submit("j", "q")
    world.waits("j", f"ClusterQueue {world.name('q')} is inactive")
    eventually(lambda: world.read_queue("q")["status"]["conditions"][0]["reason"] == "TopologyNotFound")


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([], "Required value"),
        (["rack", "rack"], "must be unique"),
        ([HOST, "rack"], "can only be used at the lowest level"),
    ],
)
def test_a_topology_that_makes_no_sense_is_refused(world, levels, words):
    with pytest.raises(ApiException) as refused:
        world.create("Topology", "topologies", "t", spec={"levels": [{"nodeLabel": level} for level in levels]})
    assert (refused.value.status, words in refused.value.body) == (422, True)


def test_a_flavor_with_a_topology_needs_a_label(world):
    with pytest.raises(ApiException) as refused:
        world.create("ResourceFlavor", "resourceflavors", "f", spec={"topologyName": "t"})
    assert (refused.value.status, "at least one nodeLabel" in refused.value.body) == (422, True)

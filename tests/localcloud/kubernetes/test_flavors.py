"""Which flavor a Workload gets where a queue has several, and what its pod sets get."""

import pytest
from kubernetes.client.exceptions import ApiException

from tests.localcloud.kubernetes.kueue_world import GROUP


@pytest.fixture
def flavors(world):
    """The flavors `a` and `b`, and two priorities."""
    for name in ("a", "b"):
        world.flavor(name)
    for name, value in (("low", 1), ("high", 100)):
        world.priority(name, value)
    return world


def fungibility(**policies):
    return {"flavorFungibility": policies}


def test_the_next_flavor_is_taken_where_the_first_is_used_up(flavors):
    flavors.queue("q", a="1", b="1")
    flavors.run("first", "q")
    flavors.run("second", "q")
    assert (flavors.flavors_of("first"), flavors.flavors_of("second")) == (["a"], ["b"])


def test_what_is_lacking_is_told_of_every_flavor(flavors):
    flavors.queue("q", a="1", b="2")
    flavors.run("first", "q")
    flavors.run("second", "q", 2)
    flavors.submit("third", "q", 2)
    a, b = flavors.name("a"), flavors.name("b")
    words = (f"insufficient quota for cpu in flavor {a}, request > maximum capacity (2 > 1), "
             f"insufficient unused quota for cpu in flavor {b}, 2 more needed")  # fmt: skip
    flavors.waits("third", words)


@pytest.mark.parametrize(("policy", "flavor"), [("MayStopSearch", "a"), ("TryNextFlavor", "b")])
def test_a_queue_borrows_in_the_first_flavor_unless_it_shall_try_the_next(flavors, policy, flavor):
    flavors.queue("theirs", "c", a="2", b="0")
    flavors.queue("mine", "c", a="1", b="2", spec=fungibility(whenCanBorrow=policy))
    flavors.run("j", "mine", 2)
    assert flavors.flavors_of("j") == [flavor]


@pytest.mark.parametrize(("policy", "flavor"), [("MayStopSearch", "a"), ("TryNextFlavor", "b")])
def test_a_queue_preempts_in_the_first_flavor_only_if_it_may_stop_there(flavors, policy, flavor):
    preemption = {"preemption": {"withinClusterQueue": "LowerPriority"}}
    flavors.queue("q", a="1", b="1", spec=fungibility(whenCanPreempt=policy) | preemption)
    flavors.run("low", "q", 1, "low")
    flavors.run("high", "q", 1, "high")
    assert flavors.flavors_of("high") == [flavor]
    flavors.is_admitted("low")  # where it was, or again in the other flavor
    assert ("schedulingStats" in flavors.workload("low")["status"]) is (flavor == "a")


def test_a_flavor_in_which_nobody_can_be_preempted_is_passed_by(flavors):
    preemption = {"preemption": {"withinClusterQueue": "LowerPriority"}}
    flavors.queue("q", a="1", b="1", spec=fungibility(whenCanPreempt="MayStopSearch") | preemption)
    flavors.run("equal", "q", 1, "high")
    flavors.run("high", "q", 1, "high")
    assert flavors.flavors_of("high") == ["b"]


def workload(world, queue, **cpus):
    """A Workload without a Job: one pod set of one pod for each name."""
    pod_sets = [
        {
            "name": name,
            "count": 1,
            "template": {
                "spec": {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": str(cpu)}}}]}
            },
        }
        for name, cpu in cpus.items()
    ]
    body = {"apiVersion": f"{GROUP}/v1beta2", "kind": "Workload", "metadata": {"name": "job-sets-00000"}}
    body["spec"] = {"queueName": queue, "podSets": pod_sets}
    world.team.custom.create_namespaced_custom_object(GROUP, "v1beta2", world.team.namespace, "workloads", body)


def test_pod_sets_may_get_different_flavors_and_count_together(flavors, eventually):
    flavors.queue("q", a="1", b="2")
    workload(flavors, "q", head=1, worker=2)
    flavors.is_admitted("sets")
    assert flavors.flavors_of("sets") == ["a", "b"]
    eventually(lambda: flavors.read_queue("q")["status"]["admittedWorkloads"] == 1)
    used = flavors.read_queue("q")["status"]["flavorsUsage"]
    assert [one["resources"][0]["total"] for one in used] == ["1", "2"]


def test_a_pod_set_that_finds_no_quota_beside_the_one_before_it_keeps_both_waiting(flavors):
    flavors.queue("q", a="3")
    workload(flavors, "q", head=2, worker=2)
    words = f"insufficient quota for cpu in flavor {flavors.name('a')}, request > maximum capacity (4 > 3)"
    flavors.waits("sets", f"couldn't assign flavors to pod set worker: {words}")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (fungibility(whenCanBorrow="Borrow"), "spec.flavorFungibility.whenCanBorrow"),
        (fungibility(whenCanPreempt="Sometimes"), "spec.flavorFungibility.whenCanPreempt"),
        ({"fairSharing": {"weight": "much"}}, "spec.fairSharing.weight"),
    ],
)
def test_a_choice_that_kueue_does_not_have_is_refused(world, spec, field):
    with pytest.raises(ApiException) as refused:
        world.queue("q", a="1", spec=spec)
    assert (refused.value.status, field in refused.value.body) == (422, True)


def test_a_weight_is_kept_and_counts_for_nothing_while_fair_sharing_is_off(flavors):
    flavors.queue("q", a="1", spec={"fairSharing": {}})
    assert flavors.read_queue("q")["spec"]["fairSharing"] == {"weight": "1"}
    flavors.run("j", "q")


@pytest.mark.parametrize(
    ("more", "field"),
    [({"minCount": 1}, "minCount"), ({"topologyRequest": {"subGroupCount": 2}}, "topologyRequest.subGroupCount")],
)
def test_a_field_of_a_pod_set_that_is_not_emulated_is_refused(world, more, field):
    body = {"apiVersion": f"{GROUP}/v1beta2", "kind": "Workload", "metadata": {"name": "w"}}
    body["spec"] = {"queueName": "q", "podSets": [{"name": "main", "count": 2, "template": {}, **more}]}
    path = (GROUP, "v1beta2", world.team.namespace, "workloads")
    with pytest.raises(ApiException) as refused:
        world.team.custom.create_namespaced_custom_object(*path, body)
    assert (refused.value.status, f"spec.podSets[0].{field}" in refused.value.body) == (422, True)

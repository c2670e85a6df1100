"""Cohorts of cohorts over the API: what is borrowed through a tree, and which trees make no sense."""

import pytest
from kubernetes.client.exceptions import ApiException


@pytest.fixture
def tree(world):
    """Two departments below one root: `mine` has 1 of its own and its department may borrow 2 more; `theirs` has 8."""
    world.flavor()
    world.cohort("root")
    world.cohort("left", "root", f={"nominalQuota": "0", "borrowingLimit": "2"})
    world.cohort("right", "root", f="1")
    world.queue("mine", "left", f="1")
    world.queue("theirs", "right", f="8")
    return world


def test_a_queue_borrows_from_another_department_up_to_its_departments_limit(tree):
    tree.run("first", "mine", 2)
    tree.submit("second", "mine", 2)
    tree.waits("second", f"insufficient unused quota for cpu in flavor {tree.name('f')}, 1 more needed")
    tree.submit("huge", "mine", 4)
    tree.waits("huge", "request > maximum capacity (4 > 3)")


def test_a_department_has_a_quota_of_its_own(tree):
    tree.run("all", "theirs", 10)
    tree.submit("more", "theirs", 1)
    tree.waits("more", "1 more needed")


def test_a_circle_of_cohorts_stops_its_queues_until_it_is_mended(world):
    world.flavor()
    world.cohort("a", "b")
    world.cohort("b", "a")
    world.queue("q", "a", f="1")
    world.submit("j", "q")
    world.waits("j", f"ClusterQueue {world.name('q')} is inactive")
    path = ("kueue.x-k8s.io", "v1beta2", "cohorts", world.name("b"))
    world.team.custom.patch_cluster_custom_object(*path, {"spec": {"parentName": None}})
    world.is_admitted("j")


@pytest.mark.parametrize(
    ("quota", "words"),
    [
        ({"nominalQuota": "1", "borrowingLimit": "1"}, "borrowingLimit must be nil when parent is empty"),
        ({"nominalQuota": "1", "lendingLimit": "1"}, "lendingLimit must be nil when parent is empty"),
        ({"nominalQuota": "-1"}, "must be greater than or equal to 0"),
    ],
)
def test_a_quota_of_a_cohort_that_makes_no_sense_is_refused(world, quota, words):
    with pytest.raises(ApiException) as refused:
        world.cohort("alone", f=quota)
    assert (refused.value.status, words in refused.value.body) == (422, True)

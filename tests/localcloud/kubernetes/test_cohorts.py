"""Cohorts: what a queue does not use others may borrow, within limits, and it takes back what is its own."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client.exceptions import ApiException

from localcloud.kubernetes.cohorts import plant

GROUP = "kueue.x-k8s.io"
KEY = ("f", "cpu")


def quotas(nominal, borrowing=None, lending=None):
    entry = {"name": "cpu", "nominalQuota": str(nominal)}
    entry |= {"borrowingLimit": str(borrowing)} if borrowing is not None else {}
    entry |= {"lendingLimit": str(lending)} if lending is not None else {}
    return [{"coveredResources": ["cpu"], "flavors": [{"name": "f", "resources": [entry]}]}]


def queue(name, nominal, borrowing=None, lending=None, cohort="c"):
    groups = quotas(nominal, borrowing, lending)
    return {"metadata": {"name": name}, "spec": {"cohortName": cohort, "resourceGroups": groups}}


def cohort(name, parent="", nominal=0, borrowing=None, lending=None):
    spec = {"resourceGroups": quotas(nominal, borrowing, lending)} | ({"parentName": parent} if parent else {})
    return {"metadata": {"name": name}, "spec": spec}


def uses(nodes, **cpus):
    for name, cpu in cpus.items():
        nodes[name].take(KEY, Fraction(cpu))
    return nodes


@pytest.mark.parametrize(
    ("borrowing", "lending", "expected"),
    [(None, None, 12), (2, None, 6), (0, None, 4), (None, 3, 7), (None, 0, 4), (5, 3, 7)],
)
def test_what_may_be_taken_is_ones_own_and_what_others_lend_up_to_a_limit(borrowing, lending, expected):
    mine = plant([queue("mine", 4, borrowing), queue("other", 8, lending=lending)], [])["mine"]
    assert mine.available(KEY) == expected
    assert mine.capacity(KEY) == expected


def test_what_others_use_cannot_be_borrowed_and_what_they_borrowed_is_missing():
    queues = [queue("mine", 4), queue("other", 8)]
    assert uses(plant(queues, []), other=6)["mine"].available(KEY) == 6
    assert uses(plant(queues, []), other=10)["mine"].available(KEY) == 2


def test_what_is_not_lent_stays_ones_own_although_the_cohort_is_used_up():
    nodes = uses(plant([queue("mine", 4, lending=1), queue("other", 8)], []), other=9)
    assert nodes["mine"].available(KEY) == 3


def test_a_cohort_has_a_quota_of_its_own_and_lends_it_to_its_members():
    assert plant([queue("mine", 4)], [cohort("c", nominal=3)])["mine"].available(KEY) == 7


def test_quota_is_borrowed_across_cohorts_within_the_limits_of_every_cohort_between():
    queues = [queue("mine", 1, cohort="left"), queue("other", 8, cohort="right")]

    def taken(left, right):
        tree = [cohort("root"), cohort("left", "root", **left), cohort("right", "root", **right)]
        return plant(queues, tree)["mine"].capacity(KEY)

    assert taken({}, {}) == 9
    assert taken({"borrowing": 2}, {}) == 3
    assert taken({}, {"lending": 5}) == 6
    assert taken({"borrowing": 7}, {"lending": 5}) == 6


def test_a_cohort_that_is_only_named_joins_queues_and_has_nothing():
    nodes = plant(
        [queue("mine", 1, cohort="c"), queue("other", 2, cohort="d")], [cohort("c", "all"), cohort("d", "all")]
    )
    assert nodes["mine"].capacity(KEY) == 3


def test_a_queue_below_cohorts_that_go_round_in_a_circle_is_cut_off():
    nodes = plant([queue("mine", 1, cohort="a")], [cohort("a", "b"), cohort("b", "a")])
    assert (nodes["mine"].in_circle, nodes["mine"].capacity(KEY)) == (True, 1)


AMOUNTS = st.integers(0, 8)
LIMITS = st.none() | st.integers(0, 8)
COHORTS = ("c0", "c1", "c2", "c3")


@st.composite
def trees(draw):
    """Queues in a tree of up to four cohorts: the first is the root, every other has an earlier one as its parent."""
    groups = [
        cohort(name, COHORTS[draw(st.integers(0, n - 1))] if n else "", draw(AMOUNTS), *draw(st.tuples(LIMITS, LIMITS)))
        for n, name in enumerate(COHORTS)
    ]
    limits = draw(st.lists(st.tuples(AMOUNTS, LIMITS, LIMITS), min_size=1, max_size=5))
    homes = draw(st.lists(st.sampled_from(COHORTS), min_size=len(limits), max_size=len(limits)))
    queues = [queue(f"q{n}", *limit, home) for n, (limit, home) in enumerate(zip(limits, homes, strict=True))]
    return plant(queues, groups)


STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), max_size=12)


def admit(nodes, steps):
    leaves = list(nodes.values())
    for which, cpu in steps:
        leaf = leaves[which % len(leaves)]
        if leaf.available(KEY) >= cpu:
            leaf.take(KEY, Fraction(cpu))
            yield leaf, Fraction(cpu)


def every_node(nodes):
    return {id(node): node for leaf in nodes.values() for node in (leaf, *leaf.above())}.values()


@given(trees(), STEPS)
def test_no_order_of_admissions_takes_more_than_there_is_and_nobody_loses_what_he_does_not_lend(nodes, steps):
    list(admit(nodes, steps))
    root = list(next(iter(nodes.values())).above())[-1]
    assert root.used(KEY) <= root.total(KEY)
    for node in every_node(nodes):
        assert node.available(KEY) >= node.left(KEY)
        assert node.used(KEY) <= node.capacity(KEY)
        limit = node.quota(KEY).borrowing
        assert node.parent is None or limit is None or node.used(KEY) <= node.total(KEY) + limit


@given(trees(), STEPS)
def test_what_is_given_back_leaves_the_tree_as_it_was(nodes, steps):
    for leaf, cpu in reversed(list(admit(nodes, steps))):
        leaf.give(KEY, cpu)
    assert {node.used(KEY) for node in every_node(nodes)} == {0}


@given(trees(), STEPS, st.randoms())
def test_in_whatever_order_quota_is_given_back_what_is_used_above_is_what_the_members_use_beyond_their_own(
    nodes, steps, chance
):
    taken = list(admit(nodes, steps))
    chance.shuffle(taken)
    for leaf, cpu in taken[: len(taken) // 2]:
        leaf.give(KEY, cpu)
    for node in every_node(nodes):
        beyond = sum(max(Fraction(0), member.used(KEY) - member.kept(KEY)) for member in node.members)
        assert node.is_queue or node.used(KEY) == beyond


class Pair:
    """Two queues of one cohort, with a team's namespace for each."""

    def __init__(self, team):
        self.team = team
        self.names = [f"{team.namespace}-{side}" for side in ("a", "b")]

    def make(self, reclaim="Never"):
        custom = self.team.custom
        flavor = {
            "apiVersion": f"{GROUP}/v1beta2",
            "kind": "ResourceFlavor",
            "metadata": {"name": self.names[0]},
            "spec": {},
        }
        custom.create_cluster_custom_object(GROUP, "v1beta2", "resourceflavors", flavor)
        for name in self.names:
            quota = [{"name": "cpu", "nominalQuota": "2"}]
            groups = [{"coveredResources": ["cpu"], "flavors": [{"name": self.names[0], "resources": quota}]}]
            spec = {"namespaceSelector": {}, "cohortName": self.team.namespace, "resourceGroups": groups}
            spec["preemption"] = {"reclaimWithinCohort": reclaim}
            body = {"apiVersion": f"{GROUP}/v1beta2", "kind": "ClusterQueue", "metadata": {"name": name}, "spec": spec}
            custom.create_cluster_custom_object(GROUP, "v1beta2", "clusterqueues", body)
            local = {
                "apiVersion": f"{GROUP}/v1beta2",
                "kind": "LocalQueue",
                "metadata": {"name": name},
                "spec": {"clusterQueue": name},
            }
            custom.create_namespaced_custom_object(GROUP, "v1beta2", self.team.namespace, "localqueues", local)
        return self

    def submit(self, name, side, cpu, script="sleep 60"):
        self.team.job(name, script, labels={"kueue.x-k8s.io/queue-name": self.names[side]}, cpu=cpu)

    def status(self, side):
        return self.team.custom.get_cluster_custom_object(GROUP, "v1beta2", "clusterqueues", self.names[side]).get(
            "status", {}
        )

    def borrowed(self, side):
        (flavor,) = self.status(side).get("flavorsUsage") or [{"resources": [{"borrowed": "0"}]}]
        return flavor["resources"][0]["borrowed"]

    def suspended(self, name):
        return self.team.read_job(name)["spec"]["suspend"]

    def conditions(self, name):
        found = self.team.custom.list_namespaced_custom_object(GROUP, "v1beta2", self.team.namespace, "workloads")[
            "items"
        ]
        mine = [w for w in found if w["metadata"]["ownerReferences"][0]["name"] == name]
        return {c["type"]: c for w in mine for c in w.get("status", {}).get("conditions", [])}


def test_what_a_queue_borrows_is_shown_and_given_back(team, eventually):
    pair = Pair(team).make()
    pair.submit("large", 0, "3", "sleep 0.5")
    eventually(lambda: pair.borrowed(0) == "1")
    pair.submit("theirs", 1, "2", "true")
    eventually(lambda: "1 more needed" in pair.conditions("theirs").get("QuotaReserved", {}).get("message", ""))
    team.job_has("large", "Complete")
    team.job_has("theirs", "Complete")
    assert pair.borrowed(0) == "0"


def test_a_queue_takes_back_what_another_has_borrowed(team, eventually):
    pair = Pair(team).make(reclaim="Any")
    pair.submit("borrower", 0, "4")
    eventually(lambda: pair.borrowed(0) == "2")
    pair.submit("owner", 1, "2")
    eventually(lambda: not pair.suspended("owner"))
    gone = pair.conditions("borrower")
    assert gone["Preempted"]["reason"] == "InCohortReclamation"
    assert gone["Evicted"]["message"].endswith("due to reclamation within the cohort")
    assert pair.suspended("borrower")


def test_a_queue_that_would_borrow_itself_takes_nothing_back(team, eventually):
    pair = Pair(team).make(reclaim="Any")
    pair.submit("borrower", 0, "3")
    eventually(lambda: not pair.suspended("borrower"))
    pair.submit("greedy", 1, "3")
    eventually(lambda: "2 more needed" in pair.conditions("greedy").get("QuotaReserved", {}).get("message", ""))
    assert not pair.suspended("borrower")


def test_more_than_the_cohort_has_never_fits(team, eventually):
    pair = Pair(team).make()
    pair.submit("huge", 0, "5")
    words = "request > maximum capacity (5 > 4)"
    eventually(lambda: words in pair.conditions("huge").get("QuotaReserved", {}).get("message", ""))


def test_a_limit_without_a_cohort_makes_no_sense(team):
    body = queue(f"{team.namespace}-alone", 1, borrowing=1, cohort="")
    body |= {"apiVersion": f"{GROUP}/v1beta2", "kind": "ClusterQueue"}
    with pytest.raises(ApiException) as refused:
        team.custom.create_cluster_custom_object(GROUP, "v1beta2", "clusterqueues", body)
    assert (refused.value.status, "borrowingLimit must be nil when cohort is empty" in refused.value.body) == (
        422,
        True,
    )

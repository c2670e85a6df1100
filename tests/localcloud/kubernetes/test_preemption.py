"""Who must go for whom: within a queue, of a cohort, and for a queue that would borrow itself."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client.exceptions import ApiException

from localcloud.kubernetes.cohorts import plant
from localcloud.kubernetes.preemption import targets
from localcloud.kubernetes.preemption_cases import RECLAIMED, Case
from tests.localcloud.kubernetes.test_cohorts import KEY, cohort, queue

WITHIN = "due to prioritization in the ClusterQueue"
RECLAIM = "due to reclamation within the cohort"


@pytest.fixture
def ranks(world):
    """The flavor `f` and three priorities."""
    world.flavor()
    for name, value in (("low", 1), ("middle", 50), ("high", 100)):
        world.priority(name, value)
    return world


def preemption(**policies):
    return {"preemption": policies}


def test_without_a_policy_the_highest_priority_waits(ranks):
    ranks.queue("q", f="2")
    ranks.run("low", "q", 2, "low")
    ranks.submit("high", "q", 2, "high")
    ranks.waits("high", "2 more needed")
    assert ranks.holds("low")


@pytest.mark.parametrize(("policy", "goes"), [("LowerPriority", False), ("LowerOrNewerEqualPriority", True)])
def test_a_newer_workload_of_equal_priority_goes_only_if_the_policy_says_so(ranks, policy, goes):
    ranks.queue("q", f="2", spec=preemption(withinClusterQueue=policy))
    ranks.run("oldest", "q")
    ranks.submit("old", "q", 2)
    ranks.waits("old", "1 more needed")
    ranks.run("new", "q")
    ranks.end("oldest")
    if goes:
        ranks.is_admitted("old")
        ranks.is_preempted("new", "InClusterQueue")
    else:
        ranks.waits("old", "1 more needed")
        assert ranks.holds("new")


@pytest.fixture
def neighbours(ranks):
    """What makes two queues of one cohort, with 2 each; `borrower` uses all of it, at a middle priority."""

    def make(**policies):
        ranks.queue("theirs", "c", f="2")
        ranks.queue("mine", "c", f="2", spec=preemption(**policies))
        ranks.run("borrower", "theirs", 4, "middle")
        return ranks

    return make


def test_only_a_higher_priority_takes_back_where_the_policy_says_so(neighbours):
    world = neighbours(reclaimWithinCohort="LowerPriority")
    world.submit("equal", "mine", 2, "middle")
    world.waits("equal", "2 more needed")
    world.submit("higher", "mine", 2, "high")
    world.is_admitted("higher")
    world.is_preempted("borrower", "InCohortReclamation")
    assert world.conditions("borrower")["Evicted"][2].endswith(RECLAIM)


def test_any_priority_takes_back_where_the_policy_says_so(neighbours):
    world = neighbours(reclaimWithinCohort="Any")
    world.submit("lower", "mine", 2, "low")
    world.is_admitted("lower")
    world.is_preempted("borrower", "InCohortReclamation")


def borrowing(**more):
    return {"reclaimWithinCohort": "Any", "borrowWithinCohort": {"policy": "LowerPriority", **more}}


@pytest.mark.parametrize(
    ("policies", "priority", "goes"),
    [
        ({"reclaimWithinCohort": "Any"}, "high", False),
        (borrowing(), "high", True),
        (borrowing(), "middle", False),
        (borrowing(maxPriorityThreshold=50), "high", True),
        (borrowing(maxPriorityThreshold=49), "high", False),
    ],
)
def test_a_queue_that_borrows_itself_preempts_lower_priorities_up_to_the_threshold(ranks, policies, priority, goes):
    ranks.cohort("c", f="1")
    ranks.queue("theirs", "c", f="0")
    ranks.queue("mine", "c", f="3", spec=preemption(**policies))
    ranks.run("borrower", "theirs", 4, "middle")
    ranks.submit("wide", "mine", 4, priority)
    if goes:
        ranks.is_admitted("wide")
        ranks.is_preempted("borrower", "InCohortReclaimWhileBorrowing")
        assert ranks.conditions("borrower")["Preempted"][2].endswith(f"{RECLAIM} while borrowing")
    else:
        ranks.waits("wide", "4 more needed")
        assert "Evicted" not in ranks.conditions("borrower")


def test_a_department_takes_back_what_another_department_borrows(ranks):
    ranks.cohort("root")
    ranks.cohort("left", "root", f="2")
    ranks.cohort("right", "root")
    ranks.queue("mine", "left", f="0", spec=preemption(reclaimWithinCohort="Any"))
    ranks.queue("theirs", "right", f="1")
    ranks.run("borrower", "theirs", 3, "high")
    ranks.submit("owner", "mine", 2, "low")
    ranks.is_admitted("owner")
    ranks.is_preempted("borrower", "InCohortReclamation")


def test_no_more_go_than_must_and_the_lowest_priority_goes_first(ranks):
    ranks.queue("q", f="3", spec=preemption(withinClusterQueue="LowerPriority"))
    ranks.run("low", "q", 1, "low")
    ranks.run("middle", "q", 1, "middle")
    ranks.run("other", "q", 1, "middle")
    ranks.submit("high", "q", 1, "high")
    ranks.is_admitted("high")
    ranks.is_preempted("low", "InClusterQueue")
    assert all("Evicted" not in ranks.conditions(name) for name in ("middle", "other"))


def test_who_would_have_gone_first_stays_if_the_next_one_is_enough(ranks):
    ranks.queue("q", f="3", spec=preemption(withinClusterQueue="LowerPriority"))
    ranks.run("small", "q", 1, "low")
    ranks.run("large", "q", 2, "middle")
    ranks.run("high", "q", 2, "high")
    ranks.is_preempted("large", "InClusterQueue")
    assert "Evicted" not in ranks.conditions("small")


def test_nobody_goes_of_a_queue_that_uses_no_more_than_its_own_even_for_one_that_borrows(ranks):
    ranks.queue("theirs", "c", f="2")
    ranks.queue("mine", "c", f="2", spec=preemption(**borrowing()))
    for name in ("one", "two", "three"):
        ranks.run(name, "theirs", 1, "low")
    ranks.submit("wide", "mine", 3, "high")
    ranks.waits("wide", "2 more needed")
    assert all("Evicted" not in ranks.conditions(name) for name in ("one", "two", "three"))


def test_what_others_free_for_a_workload_nobody_else_gets(ranks):
    ranks.queue("q", f="4", spec=preemption(withinClusterQueue="LowerPriority"))
    ranks.run("low", "q", 3, "low")
    ranks.submit("high", "q", 4, "high")
    ranks.submit("small", "q", 1, "middle")
    ranks.is_admitted("high")
    assert ranks.conditions("small").get("Evicted") is None
    assert not ranks.holds("small")


def test_every_eviction_is_counted_and_the_evicted_come_back(ranks):
    ranks.queue("q", f="2", spec=preemption(withinClusterQueue="LowerPriority"))
    ranks.run("low", "q", 2, "low")
    for name in ("one", "two"):
        ranks.run(name, "q", 2, "high")
        ranks.end(name)
        ranks.is_admitted("low")
    evictions = ranks.workload("low")["status"]["schedulingStats"]["evictions"]
    assert evictions == [{"reason": "Preempted", "underlyingCause": "", "count": 2}]


@pytest.mark.parametrize(
    ("policies", "field"),
    [
        ({"withinClusterQueue": "Sometimes"}, "spec.preemption.withinClusterQueue"),
        ({"reclaimWithinCohort": "LowerOrNewerEqualPriority"}, "spec.preemption.reclaimWithinCohort"),
        ({"borrowWithinCohort": {"policy": "Any"}}, "spec.preemption.borrowWithinCohort.policy"),
        ({"borrowWithinCohort": {"policy": "LowerPriority"}}, "reclaimWithinCohort=Never"),
    ],
)
def test_a_policy_that_kueue_does_not_have_is_refused(world, policies, field):
    with pytest.raises(ApiException) as refused:
        world.queue("q", f="1", spec=preemption(**policies))
    assert (refused.value.status, field in refused.value.body) == (422, True)


COHORTS = ("c0", "c1", "c2")
CHOICES = ("Never", "LowerPriority", "Any")


def holder(uid, of, cpu, priority):
    assignment = {"flavors": {"cpu": "f"}, "resourceUsage": {"cpu": str(cpu)}}
    status = {"admission": {"clusterQueue": of, "podSetAssignments": [assignment]}}
    return {"metadata": {"uid": str(uid)}, "spec": {"priority": priority}, "status": status}


ANY_LENDING = st.none() | st.integers(0, 6)


@st.composite
def cases(draw, reclaims=CHOICES, lending=ANY_LENDING):
    """A queue of a random tree in which others were admitted as it came, and a Workload that does not fit."""
    parents = [draw(st.sampled_from(COHORTS[:n])) if n else "" for n in range(3)]
    groups = [cohort(name, parent, draw(st.integers(0, 4))) for name, parent in zip(COHORTS, parents, strict=True)]
    queues = [
        queue(f"q{n}", draw(st.integers(0, 6)), None, draw(lending), draw(st.sampled_from(COHORTS))) for n in range(4)
    ]
    nodes = plant(queues, groups)
    holding = {}
    steps = st.lists(st.tuples(st.sampled_from(sorted(nodes)), st.integers(1, 4), st.integers(0, 2)), max_size=10)
    for uid, (name, cpu, priority) in enumerate(draw(steps)):
        if nodes[name].available(KEY) >= cpu:
            nodes[name].take(KEY, Fraction(cpu))
            holding.setdefault(name, []).append(holder(uid, name, cpu, priority))
    policy = {
        "withinClusterQueue": draw(st.sampled_from(CHOICES[:2])),
        "reclaimWithinCohort": draw(st.sampled_from(reclaims)),
    }
    policy["borrowWithinCohort"] = {"policy": "Never"}
    mine = {**queues[0], "spec": {**queues[0]["spec"], "preemption": policy}}
    needs = {KEY: Fraction(draw(st.integers(1, 6)))}
    new = {"metadata": {"uid": "99"}, "spec": {"priority": draw(st.integers(0, 2))}}
    return Case(new, mine, nodes["q0"], needs, frozenset([KEY]), holding, lambda w: int(w["metadata"]["uid"]))


def use(case):
    return {id(node): node.used(KEY) for node in (case.node, *case.node.above())}


@given(cases())
def test_it_fits_when_they_are_gone_and_the_search_changes_nothing(case):
    before = use(case)
    gone = targets(case)
    assert use(case) == before
    for target in gone:
        target.node.give_all(
            {KEY: Fraction(target.workload["status"]["admission"]["podSetAssignments"][0]["resourceUsage"]["cpu"])}
        )
    assert not gone or case.fits(borrowing=True)


@given(cases())
def test_nobody_goes_against_the_policy_and_of_other_queues_only_who_uses_more_than_his_queue_has(case):
    for target in targets(case):
        mine, theirs = case.workload["spec"]["priority"], target.workload["spec"]["priority"]
        of_another = target.node is not case.node
        policy = case.policy["reclaimWithinCohort" if of_another else "withinClusterQueue"]
        assert policy == "Any" or (policy == "LowerPriority" and theirs < mine)
        assert not of_another or (target.node.exceeds(KEY) and target.reason == RECLAIMED)


@given(cases(reclaims=["Any"]))
def test_a_queue_always_gets_back_what_is_its_own(case):
    amount = case.needs[KEY]
    is_its_own = case.node.used(KEY) + amount <= case.node.quota(KEY).nominal
    assert not is_its_own or case.fits(borrowing=True) or targets(case)

"""Fair sharing, which Kueue's manager configuration switches on: shares, whose turn it is, and who is preempted."""

import uuid
from fractions import Fraction

import pytest

from localcloud.kubernetes import LocalCluster
from localcloud.kubernetes.cohorts import forest, usage_of
from localcloud.kubernetes.fair_preemption import FINAL, INITIAL, targets
from localcloud.kubernetes.fair_turns import Entry, in_turn
from localcloud.kubernetes.kueue_configuration import fair_strategies
from localcloud.kubernetes.preemption_cases import Case
from localcloud.kubernetes.shares import ENDLESS, share_of
from tests.cluster.probe import eventually
from tests.localcloud.kubernetes.anybody import anybody
from tests.localcloud.kubernetes.conftest import IMAGE, Image, Team
from tests.localcloud.kubernetes.kueue_world import World

KEY = ("f", "cpu")
FAIR = {"fairSharing": {"enable": True}}


def groups(nominal):
    quota = {"name": "cpu", "nominalQuota": str(nominal)}
    return [{"coveredResources": ["cpu"], "flavors": [{"name": "f", "resources": [quota]}]}]


def queue(name, nominal, cohort="all", weight=None, **preemption):
    policies = {"withinClusterQueue": "LowerPriority", "reclaimWithinCohort": "Any", "borrowWithinCohort": {}}
    spec = {"cohortName": cohort, "resourceGroups": groups(nominal), "preemption": {**policies, **preemption}}
    share = {} if weight is None else {"fairSharing": {"weight": str(weight)}}
    return {"kind": "ClusterQueue", "metadata": {"name": name}, "spec": {**spec, **share}}


def cohort(name, parent="all", weight=None):
    share = {} if weight is None else {"fairSharing": {"weight": str(weight)}}
    return {"kind": "Cohort", "metadata": {"name": name}, "spec": {"parentName": parent, **share}}


def running(name, of, cpu, priority=0, since=0):
    assignment = {"flavors": {"cpu": "f"}, "resourceUsage": {"cpu": str(cpu)}}
    reserved = {
        "type": "QuotaReserved",
        "status": "True",
        "lastTransitionTime": f"2026-01-01T00:00:{since:02}Z",
        "reason": "QuotaReserved",
        "message": "",
    }
    status = {"admission": {"clusterQueue": of, "podSetAssignments": [assignment]}, "conditions": [reserved]}
    return {"metadata": {"uid": name, "name": name}, "spec": {"priority": priority}, "status": status}


class Scene:
    """Queues with what runs in them; `a` asks."""

    def __init__(self, queues, cohorts=(), admitted=()):
        self.queues = {one["metadata"]["name"]: one for one in queues}
        self.nodes, self.cohorts = forest(queues, list(cohorts))
        self.holding = {}
        for workload in admitted:
            of = workload["status"]["admission"]["clusterQueue"]
            self.holding.setdefault(of, []).append(workload)
            self.nodes[of].take_all(usage_of([workload]))

    def preempted_by(self, cpu, strategies=(FINAL, INITIAL), priority=0):
        incoming = {"metadata": {"uid": "incoming"}, "spec": {"priority": priority}}
        case = Case(
            incoming,
            self.queues["a"],
            self.nodes["a"],
            {KEY: Fraction(cpu)},
            frozenset([KEY]),
            self.holding,
            lambda _: 0,
            tuple(strategies),
        )
        before = [node.used(KEY) for node in self.nodes.values()]
        found = sorted((target.workload["metadata"]["name"], target.reason) for target in targets(case))
        assert [node.used(KEY) for node in self.nodes.values()] == before
        return found


@pytest.mark.parametrize(("weight", "share"), [(None, 125), ("2", 63), ("500m", 250), ("0", ENDLESS)])
def test_a_share_is_what_is_borrowed_of_what_could_be_lent_by_weight(weight, share):
    scene = Scene([queue("a", 3, weight=weight), queue("b", 5)], admitted=[running("w", "a", 4)])
    assert share_of(scene.nodes["a"]).written() == share
    assert share_of(scene.nodes["b"]).written() == 0


def test_a_cohort_has_a_share_of_what_lies_above_it():
    queues = [queue("a", 1, "left"), queue("b", 1, "left"), queue("c", 6, "right")]
    scene = Scene(queues, [cohort("left"), cohort("right")], [running("w", "a", 4)])
    assert share_of(scene.cohorts["left"]).written() == 250
    assert share_of(scene.nodes["a"]).written() == 375


def test_a_borrower_gives_to_one_who_borrows_less():
    queues = [queue("a", 0), queue("b", 0), queue("lender", 6)]
    scene = Scene(queues, admitted=[running(f"b{n}", "b", 1, since=n) for n in range(6)])
    assert scene.preempted_by(3) == [(f"b{n}", "InCohortFairSharing") for n in (3, 4, 5)]
    assert scene.preempted_by(4) == []


def test_a_queue_takes_back_its_own_without_a_strategy():
    scene = Scene([queue("a", 3), queue("b", 3)], admitted=[running("b1", "b", 6)])
    assert scene.preempted_by(3, [FINAL]) == [("b1", "InCohortReclamation")]


def test_the_first_strategy_spares_whose_going_would_leave_less_and_the_second_does_not():
    queues = [queue("a", 0), queue("b", 0), queue("lender", 8)]
    scene = Scene(queues, admitted=[running("big", "b", 8)])
    assert scene.preempted_by(3, [FINAL]) == []
    assert scene.preempted_by(3, [INITIAL]) == [("big", "InCohortFairSharing")]
    assert scene.preempted_by(3) == [("big", "InCohortFairSharing")]


def test_the_second_strategy_takes_the_lowest_priority_even_when_it_is_big():
    low, high = running("low", "b", 5), running("high", "b", 1, priority=1)
    queues = [queue("a", 3), queue("b", 3), queue("c", 3)]
    scene = Scene(queues, admitted=[running("a1", "a", 3), low, high])
    assert scene.preempted_by(1, [INITIAL]) == [("low", "InCohortFairSharing")]
    assert scene.preempted_by(1, [FINAL]) == [("high", "InCohortFairSharing")]


def test_its_own_workloads_of_lower_priority_go_whatever_the_shares():
    queues = [queue("a", 0), queue("lender", 4)]
    scene = Scene(queues, admitted=[running("mine", "a", 4, priority=-1)])
    assert scene.preempted_by(2) == [("mine", "InClusterQueue")]


def test_a_heavier_queue_may_take_more():
    queues = [queue("a", 0, weight=2), queue("b", 0), queue("lender", 6)]
    scene = Scene(queues, admitted=[running(f"b{n}", "b", 1, since=n) for n in range(6)])
    assert len(scene.preempted_by(4)) == 4


def test_shares_are_compared_where_the_cohorts_of_two_queues_meet():
    queues = [queue("a", 0, "left"), queue("b", 0, "right"), queue("c", 0, "right"), queue("lender", 8)]
    admitted = [running(f"b{n}", "b", 1, since=n) for n in range(4)] + [
        running(f"c{n}", "c", 1, since=n) for n in range(4)
    ]
    scene = Scene(queues, [cohort("left"), cohort("right")], admitted)
    assert len(scene.preempted_by(4)) == 4
    assert scene.preempted_by(5) == []


def test_a_queue_that_never_reclaims_preempts_nobody():
    queues = [queue("a", 0, reclaimWithinCohort="Never"), queue("b", 0), queue("lender", 6)]
    assert Scene(queues, admitted=[running("b1", "b", 6)]).preempted_by(3) == []


def entry(scene, name, cpu, place, priority=0):
    return Entry({"metadata": {"name": name}}, scene.nodes[name], {KEY: Fraction(cpu)}, (-priority, place))


def names(workloads):
    return [one["metadata"]["name"] for one in workloads]


def test_the_smallest_share_is_next_then_priority_then_age():
    scene = Scene([queue("a", 0), queue("b", 0), queue("c", 0), queue("lender", 9)], admitted=[running("w", "a", 2)])
    entries = [entry(scene, "a", 1, 0, priority=9), entry(scene, "b", 1, 2), entry(scene, "c", 1, 1)]
    assert names(in_turn(entries)) == ["c", "b", "a"]
    entries[1] = entry(scene, "b", 1, 2, priority=1)
    assert names(in_turn(entries)) == ["b", "c", "a"]


def test_whoever_stays_within_his_own_comes_before_a_small_share():
    scene = Scene([queue("a", 0, weight=100), queue("b", 4)])
    assert names(in_turn([entry(scene, "a", 1, 0, priority=9), entry(scene, "b", 4, 1)])) == ["b", "a"]


def test_what_one_takes_counts_in_the_next_turn():
    scene = Scene([queue("a", 0), queue("b", 0), queue("c", 0), queue("lender", 9)])
    turns = in_turn([entry(scene, "a", 4, 0), entry(scene, "b", 1, 1), entry(scene, "c", 2, 2)])
    assert names([next(turns)]) == ["b"]
    scene.nodes["c"].take(KEY, Fraction(5))
    assert names(turns) == ["a", "c"]


def test_both_strategies_hold_where_none_is_named():
    assert fair_strategies(FAIR) == (FINAL, INITIAL)
    assert fair_strategies({"fairSharing": {"enable": False, "preemptionStrategies": [INITIAL]}}) == ()
    assert fair_strategies({}) == ()


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"waitForPodsReady": {"enable": True}}, "waitForPodsReady: the local Kueue does not support this field"),
        ({"fairSharing": {"enable": True, "speed": 1}}, "fairSharing.speed: the local Kueue does not support"),
        ({"fairSharing": {"preemptionStrategies": ["Random"]}}, "Unsupported value: \\['Random'\\]"),
        ({"fairSharing": {"preemptionStrategies": [INITIAL, FINAL]}}, "Unsupported value"),
    ],
)
def test_what_is_not_followed_is_refused_by_name(configuration, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        LocalCluster("refused", tmp_path, images={}, kueue=configuration)


@pytest.fixture(scope="module")
def fair_cluster(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    images = {"tool": Image("tool", IMAGE.partition("@")[2], root, {})}
    folder = tmp_path_factory.mktemp("fair")
    with LocalCluster(
        "fair", folder, images=images, tokens=anybody, speed=100, capacity={"cpu": "64"}, kueue=FAIR
    ) as one:
        yield one


@pytest.fixture
def fair_world(fair_cluster):
    team = Team(fair_cluster, f"team-{uuid.uuid4().hex[:8]}")
    team.core.create_namespace({"metadata": {"name": team.namespace}})
    yield (made := World(team))
    made.end_all()


def test_the_greedier_queue_gives_half_and_says_why(fair_world):
    reclaims = {"preemption": {"reclaimWithinCohort": "Any"}}
    fair_world.flavor()
    fair_world.cohort("all", f="4")
    for name in ("mine", "theirs"):
        fair_world.queue(name, "all", reclaims, f="0")
    for n in range(4):
        fair_world.run(f"theirs-{n}", "theirs")
    fair_world.submit("mine-0", "mine", 2)
    fair_world.is_admitted("mine-0")
    lost = [job for job in ("theirs-0", "theirs-1", "theirs-2", "theirs-3") if not fair_world.holds(job)]
    assert len(lost) == 2
    status, reason, message = fair_world.conditions(lost[0])["Preempted"]
    assert (status, reason) == ("True", "InCohortFairSharing")
    assert message.endswith("due to Fair Sharing within the cohort")
    for name in ("mine", "theirs"):
        eventually(lambda name=name: fair_world.read_queue(name)["status"]["fairSharing"] == {"weightedShare": 500})


def test_a_cohort_says_its_share(fair_world):
    fair_world.flavor()
    fair_world.cohort("root", f="8")
    fair_world.cohort("left", "root")
    fair_world.queue("mine", "left", f="0")
    fair_world.run("j", "mine", 2)
    path = ("kueue.x-k8s.io", "v1beta2", "cohorts", fair_world.name("left"))

    def share():
        return fair_world.team.custom.get_cluster_custom_object(*path)["status"]["fairSharing"]["weightedShare"]

    eventually(lambda: share() == 250)


def test_without_the_switch_nobody_says_a_share(world):
    world.flavor()
    world.queue("q", "all", {"fairSharing": {"weight": "2"}}, f="1")
    eventually(lambda: world.read_queue("q").get("status", {}).get("conditions"))
    assert "fairSharing" not in world.read_queue("q")["status"]

"""Cohorts: what a queue does not use others may borrow, within limits, and it takes back what is its own."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client.exceptions import ApiException

from localcloud.kubernetes.cohorts import room

GROUP = "kueue.x-k8s.io"
KEY = ("f", "cpu")


def queue(name, nominal, borrowing=None, lending=None, cohort="c"):
    entry = {"name": "cpu", "nominalQuota": str(nominal)}
    entry |= {"borrowingLimit": str(borrowing)} if borrowing is not None else {}
    entry |= {"lendingLimit": str(lending)} if lending is not None else {}
    groups = [{"coveredResources": ["cpu"], "flavors": [{"name": "f", "resources": [entry]}]}]
    return {"metadata": {"name": name}, "spec": {"cohortName": cohort, "resourceGroups": groups}}


def holder(of, cpu):
    assignment = {"flavors": {"cpu": "f"}, "resourceUsage": {"cpu": str(cpu)}}
    return {"status": {"admission": {"clusterQueue": of, "podSetAssignments": [assignment]}}}


@pytest.mark.parametrize(
    ("borrowing", "lending", "expected"),
    [(None, None, 12), (2, None, 6), (0, None, 4), (None, 3, 7), (None, 0, 4), (5, 3, 7)],
)
def test_what_may_be_taken_is_ones_own_and_what_others_lend_up_to_a_limit(borrowing, lending, expected):
    mine, other = queue("mine", 4, borrowing), queue("other", 8, lending=lending)
    assert room(mine, [mine, other], []).available(KEY) == expected
    assert room(mine, [mine, other], []).capacity(KEY) == expected


def test_what_others_use_cannot_be_borrowed_and_what_they_borrowed_is_missing():
    mine, other = queue("mine", 4), queue("other", 8)
    assert room(mine, [mine, other], [holder("other", 6)]).available(KEY) == 6
    assert room(mine, [mine, other], [holder("other", 10)]).available(KEY) == 2


def test_what_is_not_lent_stays_ones_own_although_the_cohort_is_used_up():
    mine, other = queue("mine", 4, lending=1), queue("other", 8)
    assert room(mine, [mine, other], [holder("other", 9)]).available(KEY) == 3


AMOUNTS = st.integers(0, 8)
LIMITS = st.none() | st.integers(0, 8)


@given(
    st.lists(st.tuples(AMOUNTS, LIMITS, LIMITS), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=12),
)
def test_no_order_of_admissions_takes_more_than_there_is_and_nobody_loses_what_he_does_not_lend(quotas, wanted):
    queues = [
        queue(f"q{n}", nominal, borrowing, None if lending is None else min(lending, nominal))
        for n, (nominal, borrowing, lending) in enumerate(quotas)
    ]
    holding = []
    for which, cpu in wanted:
        mine = queues[which % len(queues)]
        if room(mine, queues, holding).available(KEY) >= cpu:
            holding.append(holder(mine["metadata"]["name"], cpu))
    rooms = [room(one, queues, holding) for one in queues]
    assert sum(one.used(KEY) for one in rooms) <= sum(one.quotas[KEY].nominal for one in rooms)
    for one in rooms:
        assert one.available(KEY) >= max(Fraction(0), one.quotas[KEY].own - one.used(KEY))
        assert one.used(KEY) <= one.capacity(KEY)
        limit = one.quotas[KEY].borrowing
        assert limit is None or one.used(KEY) <= one.quotas[KEY].nominal + limit


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

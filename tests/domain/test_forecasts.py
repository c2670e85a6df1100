"""Forecasts: now, later or never, and why."""

from typing import Any

import pytest
from dropforge import naming
from dropforge.domain import onboarding
from dropforge.domain.fits import Holder, need_of
from dropforge.domain.forecasts import judge
from dropforge.domain.jobs import render
from dropforge.domain.queueing import ClusterQueue, Flavor, LocalQueue, Queueing

from tests.builders import dataset, planned, recipe, run, step
from tests.domain.queues import (
    NAMESPACE,
    NODE,
    OWN,
    TEAM,
    Json,
    cluster_queue,
    flavor,
    flavor_quota,
    forecast,
    job,
    named,
)


def test_free_quota_is_now() -> None:
    fit = forecast(cluster_queue(OWN, used="3"))
    assert (fit.answer, fit.flavors, fit.borrowed) == ("now", ("large",), ())


def test_quota_in_use_is_later_and_says_what_is_missing_and_who_holds_it() -> None:
    over = job("over", "4", conditions=[{"type": "Finished", "status": "True"}])
    held = (job("birds-1-train", "3"), over, job("elsewhere", "1", of="small"))
    fit = forecast(cluster_queue(OWN, used="3"), cpu="1500m", workloads=held)
    assert (fit.answer, fit.why) == ("later", "500m more of cpu on large must become free.")
    assert fit.holders == (Holder(kind="job", name="birds-1-train", amount="3", resource="cpu", flavor="large"),)


def test_more_than_the_team_may_ever_have_is_never_and_says_the_limit() -> None:
    fit = forecast(cluster_queue(OWN), cpu="5")
    assert fit.answer == "never"
    assert "It asks for 5 of cpu on large; the team may have 4 at most" in fit.why
    assert "small" not in fit.why


def test_what_others_lend_is_borrowed_and_counts_as_now() -> None:
    fit = forecast(cluster_queue(OWN, cohort="all"), cluster_queue("theirs", cohort="all"), cpu="6")
    assert (fit.answer, fit.borrowed) == ("now", ("2 of cpu on large",))


def test_a_borrower_waits_for_the_other_teams_queue_by_name() -> None:
    fit = forecast(cluster_queue(OWN, cohort="all"), cluster_queue("theirs", cohort="all", used="3"), cpu="6")
    assert fit.answer == "later"
    assert [(holder.kind, holder.name, holder.amount) for holder in fit.holders] == [("queue", "theirs", "3")]


@pytest.mark.parametrize("limits", [{"borrowingLimit": "1"}, {"borrowingLimit": "0"}])
def test_more_than_may_be_borrowed_is_never(limits: dict[str, str]) -> None:
    own = cluster_queue(OWN, flavor_quota("large", **limits), cohort="all")
    assert forecast(own, cluster_queue("theirs", cohort="all"), cpu="6").answer == "never"


def test_what_the_others_do_not_lend_is_never_had() -> None:
    theirs = cluster_queue("theirs", flavor_quota("large", lendingLimit="1"), cohort="all")
    own = cluster_queue(OWN, cohort="all")
    assert (forecast(own, theirs, cpu="5").answer, forecast(own, theirs, cpu="6").answer) == ("now", "never")


def test_a_cohort_of_its_own_quota_lends_it_from_two_levels_above() -> None:
    groups = cluster_queue("x", flavor_quota("large", cpu="8"))["spec"]["resourceGroups"]
    above = (named("all", spec={"parentName": "top"}), named("top", spec={"resourceGroups": groups}))
    assert forecast(cluster_queue(OWN, cohort="all"), cpu="12", cohorts=above).answer == "now"
    assert forecast(cluster_queue(OWN, cohort="all"), cpu="13", cohorts=above).answer == "never"


def test_cohorts_in_a_circle_admit_nothing_for_the_moment() -> None:
    above = (named("a", spec={"parentName": "b"}), named("b", spec={"parentName": "a"}))
    assert forecast(cluster_queue(OWN, cohort="a"), cohorts=above).answer == "later"


def test_nodes_that_the_quota_does_not_name_are_never() -> None:
    fit = forecast(cluster_queue(OWN), nodes="other")
    assert (fit.answer, fit.why) == ("never", f"The nodes of large are not those that it wants ({NODE}=other).")


def test_a_resource_that_the_quota_does_not_name_is_never() -> None:
    own = cluster_queue(OWN)
    own["spec"]["resourceGroups"] = []
    assert forecast(own).why == "The team's quota says nothing of cpu, memory."


@pytest.mark.parametrize(
    ("queue", "parts", "answer", "why"),
    [
        ({"stopPolicy": "Hold"}, {}, "later", "Somebody has stopped the queue"),
        ({}, {"local": named("q", spec={"clusterQueue": OWN, "stopPolicy": "Hold"})}, "later", "stopped the queue q"),
        ({}, {"local": named("q", spec={"clusterQueue": "gone"})}, "never", "The ClusterQueue gone"),
        ({"namespaceSelector": None}, {}, "never", "takes no work of the team's namespace"),
        ({"namespaceSelector": {"matchLabels": {"a": "b"}}}, {}, "unknown", "labels of the namespace"),
        ({"admissionChecks": ["budget"]}, {}, "unknown", "admission checks"),
        ({"admissionChecksStrategy": {"admissionChecks": []}}, {}, "unknown", "admission checks"),
        ({}, {"flavors": (flavor("large", topologyName="rack"),)}, "unknown", "whether nodes of the topology rack are"),
        ({}, {"flavors": (named("large"),)}, "unknown", "the flavor does not say"),
        ({}, {"flavors": ()}, "never", "The ResourceFlavor large is not on the cluster."),
    ],
)  # fmt: skip
def test_what_stands_in_the_way_beside_quota_is_said(queue: Json, parts: Json, answer: str, why: str) -> None:
    fit = forecast(cluster_queue(OWN, **queue), **parts)
    assert fit.answer == answer
    assert why in fit.why


def test_an_inactive_queue_says_so_in_its_own_words() -> None:
    own = cluster_queue(OWN)
    own["status"]["conditions"] = [{"type": "Active", "status": "False", "message": "references missing things"}]
    fit = forecast(own)
    assert (fit.answer, fit.why) == ("later", "The queue takes no work: references missing things")


def test_in_a_strict_queue_whoever_waits_is_first() -> None:
    own = cluster_queue(OWN, queueingStrategy="StrictFIFO")
    own["status"]["pendingWorkloads"] = 1
    assert forecast(own).answer == "later"
    own["spec"]["queueingStrategy"] = "BestEffortFIFO"
    assert forecast(own).answer == "now"


def test_what_others_are_stopped_for_is_promised() -> None:
    words = "insufficient unused quota for cpu. Pending the preemption of 1 workload(s)"
    waiting = job("urgent", "0", conditions=[{"type": "QuotaReserved", "status": "False", "message": words}])
    fit = forecast(cluster_queue(OWN), workloads=(waiting,))
    assert (fit.answer, "promised to urgent" in fit.why) == ("later", True)


TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("tolerations", "answer"),
    [
        ([], "never"),
        ([{"key": "gpu", "operator": "Exists"}], "now"),
        ([{"operator": "Exists"}], "now"),
        ([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}], "now"),
        ([{"key": "gpu", "value": "no"}], "never"),
        ([{"key": "gpu", "operator": "Exists", "effect": "NoExecute"}], "never"),
    ],
)
def test_a_taint_keeps_out_unless_the_flavor_tolerates_it(tolerations: list[Json], answer: str) -> None:
    tainted = flavor("large", nodeTaints=[TAINT], tolerations=tolerations)
    assert forecast(cluster_queue(OWN), flavors=(tainted,)).answer == answer


def test_a_queue_that_preempts_first_does_not_look_at_the_next_flavor() -> None:
    flavors = (named("large", spec={"nodeLabels": {}}), named("small", spec={"nodeLabels": {}}))
    own = cluster_queue(OWN, flavor_quota("large"), flavor_quota("small"), used="4")
    assert forecast(own, flavors=flavors).answer == "unknown"  # the second has room
    own["spec"]["flavorFungibility"] = {"whenCanPreempt": "MayStopSearch"}
    assert forecast(own, flavors=flavors).answer == "later"


def test_pods_are_counted_where_a_queue_has_a_quota_of_them() -> None:
    own = cluster_queue(OWN)
    group = own["spec"]["resourceGroups"][0]
    group["coveredResources"].append("pods")
    group["flavors"][0]["resources"].append({"name": "pods", "nominalQuota": "0"})
    assert "1 of pods" in forecast(own).why


def test_version_1beta1_names_the_cohort_in_another_field() -> None:
    own, theirs = cluster_queue(OWN), cluster_queue("theirs", cohort="all")
    own["spec"]["cohort"] = "all"
    assert forecast(own, theirs, cpu="6").answer == "now"


def test_fields_that_are_null_are_as_if_they_were_not_there() -> None:
    own = cluster_queue(OWN, stopPolicy=None, cohortName=None, flavorFungibility=None)
    assert forecast(own).answer == "now"


def test_a_rendered_job_asks_for_what_its_step_does() -> None:
    made = planned(by=recipe(step(accelerators=8)))
    need = need_of(render(made, dataset(), run(of=made), made.steps[-1]))
    assert need.amounts == {"cpu": 1, "memory": 2**30, "nvidia.com/gpu": 8}
    assert need.nodes == {NODE: "local.cpu"}


def test_a_team_as_onboarding_makes_it_has_its_quota_at_once() -> None:
    resources = {"cpu": "2", "memory": "4Gi"}
    quota_of = onboarding.Quota(instance_type="local.cpu", resources=resources)
    storage = onboarding.FileSystem(id="fs-1", dns_name="fs", mount_name="fsx", gibibytes=1200)
    team = onboarding.Team(name=TEAM, quotas=(quota_of,), claim="fsx", file_system=storage)
    made: dict[Any, Any] = {thing["kind"]: thing for thing in onboarding.team_objects(team)}
    queueing = Queueing(
        NAMESPACE,
        LocalQueue.model_validate(made["LocalQueue"]),
        (ClusterQueue.model_validate(made["ClusterQueue"]),),
        (),
        (Flavor.model_validate(made["ResourceFlavor"]),),
        (),
    )
    plan = planned()
    assert judge(queueing, TEAM, need_of(render(plan, dataset(), run(of=plan), plan.steps[-1]))).answer == "now"


def test_without_a_queue_of_the_team_nothing_is_ever_admitted() -> None:
    fit = judge(
        Queueing(NAMESPACE, None, (), (), (), ()),
        TEAM,
        need_of(render(planned(), dataset(), run(), planned().steps[-1])),
    )
    assert (fit.answer, naming.queue(TEAM) in fit.why) == ("never", True)

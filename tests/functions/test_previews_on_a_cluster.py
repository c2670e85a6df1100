"""Previews beside a cluster's queues: what is forecast is what the local Kueue then does, and a cluster that says nothing spoils no plan."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from dropforge import naming
from kubernetes.client import CustomObjectsApi

from tests.builders import IMAGE
from tests.functions.conftest import Call
from tests.functions.site import Site, until
from tests.functions.test_preview_run import of_file, write

QUEUE = naming.cluster_queue("vision")
KUEUE = ("kueue.x-k8s.io", "v1beta2", "clusterqueues")


@pytest.fixture(autouse=True)
def image(account: None, members: str) -> None:
    write("images", "cpu-trainer", IMAGE)
    write("images", "evaluator", IMAGE)


@contextmanager
def quota(site: Site, cpu: str) -> Iterator[None]:
    """A quota of so many CPUs for as long as the test wants."""
    queues = CustomObjectsApi(site.cluster.client())
    before = queues.get_cluster_custom_object(*KUEUE, QUEUE)["spec"]["resourceGroups"]
    changed = json.loads(json.dumps(before))
    changed[0]["flavors"][0]["resources"][0]["nominalQuota"] = cpu
    queues.patch_cluster_custom_object(*KUEUE, QUEUE, {"spec": {"resourceGroups": changed}})
    try:
        yield
    finally:
        queues.patch_cluster_custom_object(*KUEUE, QUEUE, {"spec": {"resourceGroups": before}})


def submitted(site: Site, name: str, call: Call) -> str:
    """Submit a run's job and return its name."""
    plan = site.plan(name, "import time\ntime.sleep(60)\n")
    run = site.claim(plan, f"e-{name}")
    return str(call("submit_job", site.submission(plan, run))["name"])


def is_admitted(site: Site, job: str) -> bool | None:
    """Whether Kueue has admitted a job; None while it has not looked."""
    found = CustomObjectsApi(site.cluster.client()).list_namespaced_custom_object(
        *KUEUE[:2], site.namespace, "workloads"
    )
    of = [w for w in found["items"] if w["metadata"]["ownerReferences"][0]["name"] == job]
    said = [c["status"] for w in of for c in w.get("status", {}).get("conditions", []) if c["type"] == "QuotaReserved"]
    return said[0] == "True" if said else None


def test_a_forecast_of_now_is_admitted_by_kueue_and_one_of_later_waits_for_who_is_named(
    members: str, onsite: Site, call: Call
) -> None:
    free = of_file(members)
    assert (free.fit.answer, {one.fit.answer for one in free.steps}) == ("now", {"now"})
    first = submitted(onsite, "preview-first", call)
    until(lambda: is_admitted(onsite, first))
    taken = of_file(members)
    assert (taken.fit.answer, [holder.name for holder in taken.fit.holders]) == ("later", [first])
    second = submitted(onsite, "preview-second", call)
    until(lambda: is_admitted(onsite, second) is not None)
    assert is_admitted(onsite, second) is False
    onsite.batch.delete_namespaced_job(first, onsite.namespace, propagation_policy="Background")
    until(lambda: is_admitted(onsite, second))


def test_more_than_the_quota_is_never_whatever_is_free(members: str, onsite: Site, call: Call) -> None:
    with quota(onsite, "900m"):
        found = of_file(members)
        answers = {one.step.name: one.fit.answer for one in found.steps}
        job = submitted(onsite, "preview-never", call)
        until(lambda: is_admitted(onsite, job) is not None)
        assert is_admitted(onsite, job) is False
    assert answers == {"prefetch": "now", "prepare": "never", "train": "never", "evaluate": "now", "verify": "now"}
    assert (found.fit.answer, found.works) == ("never", False)
    assert "It asks for 1 of cpu on local.cpu; the team may have 900m at most" in found.fit.why


def test_a_cluster_that_is_silent_or_keeps_its_queues_to_itself_leaves_the_plan(members: str, onsite: Site) -> None:
    onsite.cluster.refuse(100, 403, None, "list", "clusterqueues")
    refused = of_file(members)
    onsite.cluster.accept()
    onsite.cluster.refuse(100, 503, None, "list", "workloads")
    busy = of_file(members)
    onsite.cluster.accept()
    assert (refused.fit.answer, busy.fit.answer, of_file(members).fit.answer) == ("unknown", "unknown", "now")
    assert "503" in busy.fit.why

"""What is read of a cluster's lists: what jobs do, why they wait in Kueue's own words, and nothing else of a page."""

import json
from datetime import UTC, datetime

from dropforge.domain.observed import JOBS, WORKLOADS, Queued, Queueing, queueing, states

AT = "2026-11-20T09:14:07Z"


def workload(owner: str, *conditions: tuple[str, str, str]) -> dict[str, object]:
    return {
        "metadata": {"name": f"job-{owner}", "ownerReferences": [{"kind": "Job", "name": owner, "uid": "1"}]},
        "status": {
            "conditions": [{"type": t, "status": s, "message": m, "lastTransitionTime": AT} for t, s, m in conditions]
        },
    }


def read_queueing(documents: list[dict[str, object]]) -> Queueing:
    page = json.dumps({"kind": "WorkloadList", "metadata": {"resourceVersion": "7"}, "items": documents}).encode()
    return queueing(WORKLOADS.decode(page).items or (), {"train"})


def test_a_job_without_quota_waits_for_what_kueue_says() -> None:
    documents = [workload("train", ("QuotaReserved", "False", "insufficient unused quota for nvidia.com/gpu"))]
    assert read_queueing(documents) == {"train": Queued(reason="insufficient unused quota for nvidia.com/gpu")}


def test_a_job_with_quota_waits_for_nothing() -> None:
    admitted = ("Admitted", "True", "The workload is admitted")
    (queued,) = read_queueing([workload("train", ("QuotaReserved", "True", "Quota reserved"), admitted)]).values()
    assert (queued.reason, queued.admitted_at) == ("", datetime(2026, 11, 20, 9, 14, 7, tzinfo=UTC))


def test_a_job_that_was_preempted_says_why_and_when_and_is_not_admitted() -> None:
    gone = (("Admitted", "False", ""), ("Evicted", "True", "Preempted to accommodate a workload"))
    (queued,) = read_queueing([workload("train", ("QuotaReserved", "False", "Preempted"), *gone)]).values()
    assert (queued.evicted, queued.evicted_at) == ("Preempted to accommodate a workload", "2026-11-20T09:14:07+00:00")
    assert (queued.reason, queued.admitted_at) == ("Preempted", None)


def test_a_workload_that_nobody_owns_or_judged_yet_is_no_reason() -> None:
    assert read_queueing([{"metadata": {"name": "loose"}}]) == {}
    assert read_queueing([workload("train")]) == {"train": Queued()}


def page(*jobs: object, go_on: str = "") -> bytes:
    return json.dumps(
        {"kind": "JobList", "metadata": {"continue": go_on, "remainingItemCount": 9}, "items": jobs}
    ).encode()


def test_only_the_jobs_that_somebody_waits_for_are_looked_at() -> None:
    jobs = [{"metadata": {"name": name}, "status": {"active": 1}, "spec": {"suspend": False}} for name in ("a", "b")]
    found = states(JOBS.decode(page(*jobs)).items or (), {"b", "c"})
    assert {name: state.phase for name, state in found.items()} == {"b": "running"}


def test_fields_that_are_null_or_left_out_are_nothing() -> None:
    job = {
        "metadata": {"name": "a", "labels": None, "ownerReferences": None},
        "spec": {"suspend": None},
        "status": {"conditions": None},
    }
    found = states(JOBS.decode(page(job)).items or (), {"a"})
    assert found["a"].phase == "queued"
    assert JOBS.decode(b'{"metadata": {}, "items": null}').items is None


def test_a_page_says_where_the_list_goes_on() -> None:
    assert (JOBS.decode(page(go_on="t")).metadata.go_on, JOBS.decode(page()).metadata.go_on) == ("t", "")

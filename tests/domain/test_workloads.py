"""Why a job waits, since when it may run, and why it was stopped, in Kueue's own words."""

from datetime import UTC, datetime

from dropforge.domain.workloads import Queued, read_queueing

AT = "2026-11-20T09:14:07Z"


def workload(owner: str, *conditions: tuple[str, str, str]) -> dict[str, object]:
    return {
        "metadata": {"name": f"job-{owner}", "ownerReferences": [{"kind": "Job", "name": owner, "uid": "1"}]},
        "status": {
            "conditions": [{"type": t, "status": s, "message": m, "lastTransitionTime": AT} for t, s, m in conditions]
        },
    }


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

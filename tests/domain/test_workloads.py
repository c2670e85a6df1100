"""Why a job waits, in Kueue's own words."""

from dropforge.domain.workloads import read_reasons


def workload(owner: str, *conditions: tuple[str, str, str]) -> dict[str, object]:
    return {
        "metadata": {"name": f"job-{owner}", "ownerReferences": [{"kind": "Job", "name": owner, "uid": "1"}]},
        "status": {"conditions": [{"type": t, "status": s, "message": m} for t, s, m in conditions]},
    }


def test_a_job_without_quota_waits_for_what_kueue_says() -> None:
    documents = [workload("train", ("QuotaReserved", "False", "insufficient unused quota for nvidia.com/gpu"))]
    assert read_reasons(documents) == {"train": "insufficient unused quota for nvidia.com/gpu"}


def test_a_job_with_quota_waits_for_nothing() -> None:
    admitted = ("Admitted", "True", "The workload is admitted")
    assert read_reasons([workload("train", ("QuotaReserved", "True", "Quota reserved"), admitted)]) == {"train": ""}


def test_a_workload_that_nobody_owns_or_judged_yet_is_no_reason() -> None:
    assert read_reasons([{"metadata": {"name": "loose"}}]) == {}
    assert read_reasons([workload("train")]) == {"train": ""}

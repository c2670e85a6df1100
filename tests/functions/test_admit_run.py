"""AdmitRun: one execution holds a run's attempt, every other joins it, and nothing that has ended goes back."""

from collections.abc import Callable

import pytest
from dropforge.adapters import aws, ledger
from dropforge.domain.datasets import Dataset
from dropforge.domain.plans import Plan
from dropforge.domain.runs import Run, Status
from dropforge.errors import Conflict, NotReady

from tests.builders import arrival, dataset, planned, upload
from tests.contracts.repository import Document
from tests.domain.test_promotions import ADAPTER, Folder, adapter
from tests.functions.conftest import MODELS, Call
from tests.functions.promoted import place, promote, to_verify

PLAN = planned()
SECOND_UPLOAD = dataset(drop=upload(version_id="v2"))
Announced = Callable[[], list[tuple[str, Document]]]


def to_admit(execution: str, of: Dataset | None = None, plan: Plan = PLAN) -> Document:
    data = of or dataset()
    ledger.bind_upload(arrival(execution).model_copy(update={"upload": data.upload}))
    return {"plan": plan.model_dump(mode="json"), "dataset": data.model_dump(mode="json"), "execution": execution}


def held() -> Run:
    run = ledger.run(PLAN.run_id)
    assert run is not None
    return run


def end(status: Status) -> None:
    assert ledger.end(held().model_copy(update={"status": status}))
    ledger.release_lease(held())


def test_the_first_execution_claims_the_run(call: Call) -> None:
    admission = call("admit_run", to_admit("e-1"))
    assert (admission["joined"], admission["run"]["attempt"]) == (False, 1)
    assert held() == Run.model_validate(admission["run"])
    assert (held().status, held().execution, held().identity) == ("running", "e-1", PLAN.identity)


def test_a_lease_stands_before_anything_can_cost_money(call: Call) -> None:
    call("admit_run", to_admit("e-1"))
    lease = ledger.lease(held())
    assert lease is not None
    assert (lease.owner, lease.price_usd) == (f"{PLAN.run_id}#1", PLAN.price_usd)
    assert lease.expires_at > held().started_at


def test_the_upload_is_told_which_run_it_became(call: Call) -> None:
    call("admit_run", to_admit("e-1"))
    found = ledger.arrival(dataset().upload)
    assert found is not None
    assert (found.status, found.run_id) == ("running", PLAN.run_id)


def test_the_same_execution_again_keeps_its_attempt(call: Call) -> None:
    assert call("admit_run", to_admit("e-1")) == call("admit_run", to_admit("e-1"))


def test_another_execution_joins_the_run_that_runs(call: Call, announced: Announced) -> None:
    first = call("admit_run", to_admit("e-1"))
    announced()
    second = call("admit_run", to_admit("e-2", SECOND_UPLOAD))
    found = ledger.arrival(SECOND_UPLOAD.upload)
    assert second == {"run": first["run"], "joined": True, "checkpoint": None}
    assert found is not None
    assert (found.status, found.run_id) == ("joined", PLAN.run_id)
    assert (held().execution, announced()) == ("e-1", [])


def test_a_finished_run_is_joined_with_its_model(call: Call) -> None:
    call("admit_run", to_admit("e-1"))
    assert ledger.end(held().model_copy(update={"status": "succeeded", "model_arn": "arn:model"}))
    second = call("admit_run", to_admit("e-2", SECOND_UPLOAD))
    assert (second["joined"], second["run"]["model_arn"], held().attempt) == (True, "arn:model", 1)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_that_ended_badly_gets_its_next_attempt(call: Call, status: Status) -> None:
    call("admit_run", to_admit("e-1"))
    end(status)
    second = call("admit_run", to_admit("e-2", SECOND_UPLOAD))
    assert (second["joined"], second["run"]["attempt"]) == (False, 2)
    assert (held().attempt, held().status, held().execution) == (2, "running", "e-2")
    assert ledger.lease(held()) is not None


def test_the_next_attempt_waits_until_nothing_of_the_last_one_is_left(call: Call) -> None:
    call("admit_run", to_admit("e-1"))
    assert ledger.end(held().model_copy(update={"status": "failed"}))
    with pytest.raises(NotReady) as raised:
        call("admit_run", to_admit("e-2", SECOND_UPLOAD))
    assert (raised.value.failure.code, held().attempt) == ("StillEnding", 1)


def test_a_late_ending_of_an_earlier_attempt_changes_nothing(call: Call) -> None:
    call("admit_run", to_admit("e-1"))
    first = held()
    end("failed")
    call("admit_run", to_admit("e-2", SECOND_UPLOAD))
    assert not ledger.end(first.model_copy(update={"status": "succeeded"}))
    assert (held().attempt, held().status) == (2, "running")


def verified_then_failed(call: Call) -> Folder:
    """A first attempt that came as far as a verified checkpoint."""
    call("admit_run", to_admit("e-1"))
    folder = promote(adapter(), held())
    call("verify_checkpoint", to_verify(held(), folder.digest))
    end("failed")
    return folder


def test_the_next_attempt_finds_what_an_earlier_one_has_brought_to_s3(call: Call, announced: Announced) -> None:
    folder = verified_then_failed(call)
    announced()
    again = call("admit_run", to_admit("e-2", SECOND_UPLOAD))
    ((_, detail),) = announced()
    uri = f"s3://{MODELS}/{place(held(), folder)}"
    assert (again["run"]["attempt"], again["checkpoint"]["digest"]) == (2, folder.digest)
    assert (again["checkpoint"]["uri"], detail["checkpoint_uri"]) == (uri, uri)


@pytest.mark.parametrize("damage", ["gone", "another", "all gone", "unmarked"])
def test_what_is_not_whole_any_more_is_made_anew(call: Call, damage: str) -> None:
    folder = verified_then_failed(call)
    prefix = place(held(), folder)
    if damage == "another":
        aws.s3().put_object(Bucket=MODELS, Key=prefix + "manifest.json", Body=folder.files["manifest.json"] + b" ")
    for path in {"gone": [ADAPTER], "another": [], "all gone": [*folder.files], "unmarked": ["_SUCCESS.json"]}[damage]:
        aws.s3().delete_object(Bucket=MODELS, Key=prefix + path)
    assert call("admit_run", to_admit("e-2", SECOND_UPLOAD))["checkpoint"] is None


def test_another_run_with_the_same_short_id_is_a_conflict(call: Call) -> None:
    call("admit_run", to_admit("e-1"))
    other = PLAN.model_copy(update={"identity": PLAN.identity[:12] + "0" * 52})
    with pytest.raises(Conflict) as raised:
        call("admit_run", to_admit("e-2", SECOND_UPLOAD, other))
    assert raised.value.failure.code == "IdentityCollision"
    assert held().execution == "e-1"


def test_an_admission_is_announced(call: Call, announced: Announced) -> None:
    call("admit_run", to_admit("e-1"))
    ((kind, detail),) = announced()
    assert (kind, detail["run_id"], detail["attempt"], detail["execution"]) == ("RunAdmitted", PLAN.run_id, 1, "e-1")

"""Who carries out a run: decided from what the ledger holds."""

import pytest
from dropforge.domain.runs import Status, decide
from dropforge.domain.waiting import for_job, selector

from tests.builders import EXECUTION, planned, run

IDENTITY = planned().identity
OTHER = "another-execution"


def test_a_run_that_nobody_has_is_claimed() -> None:
    assert decide(None, IDENTITY, EXECUTION) == "claim"


def test_the_execution_that_holds_a_run_goes_on_with_it() -> None:
    assert decide(run(), IDENTITY, EXECUTION) == "again"


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_run_that_ended_badly_gets_a_next_attempt_from_another_execution(status: Status) -> None:
    assert decide(run(status), IDENTITY, OTHER) == "retry"


@pytest.mark.parametrize("status", ["failed", "cancelled", "succeeded"])
def test_an_execution_whose_attempt_has_ended_does_not_get_it_back(status: Status) -> None:
    assert decide(run(status), IDENTITY, EXECUTION) == "join"


@pytest.mark.parametrize("status", ["running", "succeeded"])
def test_a_run_that_runs_or_has_its_model_is_joined(status: Status) -> None:
    assert decide(run(status), IDENTITY, OTHER) == "join"


@pytest.mark.parametrize("status", ["running", "succeeded", "failed", "cancelled"])
def test_the_same_short_id_with_another_identity_is_a_collision(status: Status) -> None:
    assert decide(run(status), "0" * 64, OTHER) == "collision"
    assert decide(run(status), "0" * 64, EXECUTION) == "collision"


def test_a_job_is_waited_for_under_the_name_it_has_on_the_cluster() -> None:
    wait = for_job(run(attempt=2), planned(), planned().steps[1], "token")
    assert (wait.kind, wait.name, wait.token) == ("job", f"{run().id}-2-train", "token")
    assert (wait.cluster, wait.team, wait.phase) == ("research", "vision", "new")


def test_an_attempt_selects_its_own_jobs_by_label() -> None:
    assert selector("birds-1", 2) == "dropforge.dev/run=birds-1,dropforge.dev/attempt=2"

"""Histories of uploads and events in any order, any number of times: what the ledger holds stays true after every step."""

import contextlib
from typing import Any

import pytest
from dropforge.adapters import admissions, arrivals, aws, clock, ledger, reconcile, retries
from dropforge.adapters.references import Meant
from dropforge.adapters.starts import by_object
from dropforge.domain.runs import OPEN, TERMINAL, Cancellation, Run, Status
from dropforge.domain.uploads import ObjectCreated, Upload
from dropforge.errors import Conflict, NotReady, Unavailable
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from time_machine import travel

from tests.builders import dataset, job_failed, planned, upload
from tests.functions import conftest, wires
from tests.functions.test_receive_drop import executions

PLAN = planned()
UPLOADS = [upload(version_id=f"v{n}").model_copy(update={"bucket": conftest.DATASETS}) for n in range(3)]
BY_HAND = ["by-hand-1", "by-hand-2"]


class History(RuleBasedStateMachine):
    """Three uploads of the same content, and two starts by hand: one run, whatever happens."""

    @initialize()
    def begin(self) -> None:
        aws.dynamodb().delete_table(TableName=conftest.TABLE)  # each history begins with an empty ledger
        conftest._make_table()
        self.bound: dict[str, str] = {}
        self.ends: dict[int, Status] = {}
        self.newest = 0
        self.cancelled: set[int] = set()
        self.unwanted: set[str] = set()
        self.functions = contextlib.ExitStack()
        self.later = self.functions.enter_context(wires.functions(conftest.invoke))

    def teardown(self) -> None:
        self.functions.close()

    @rule(which=st.sampled_from(UPLOADS))
    def deliver(self, which: Upload) -> None:
        created = {"bucket": {"name": which.bucket}, "object": {"key": which.key, "version-id": which.version_id}}
        receipt = by_object(ObjectCreated.model_validate({"detail": created}))
        assert self.bound.setdefault(which.id, receipt.execution) == receipt.execution

    @rule(which=st.sampled_from(UPLOADS), by_hand=st.sampled_from(["", *BY_HAND]))
    def admit(self, which: Upload, by_hand: str) -> None:
        execution = by_hand or self.bound.get(which.id, "")
        if execution:
            with contextlib.suppress(Conflict, NotReady, Unavailable):
                admissions.claim(PLAN, dataset(drop=which), execution)

    @precondition(lambda self: self.run() is not None)
    @rule(status=st.sampled_from(TERMINAL), attempt=st.integers(1, 4), late=st.booleans())
    def end(self, status: Status, attempt: int, late: bool) -> None:
        run = self.run()
        assert run is not None
        number = attempt if late else run.attempt
        ended = run.model_copy(update={"attempt": number, "status": status, "ended_at": clock.stamp()})
        written = ledger.end(ended)
        assert not (written and status == "succeeded" and number in self.cancelled)

    @precondition(lambda self: self.run() is not None)
    @rule()
    def cancel(self) -> None:
        run = self.run()
        assert run is not None
        if ledger.cancel(run, Cancellation(by="somebody", reason="", at=clock.stamp())):
            self.cancelled.add(run.attempt)

    @rule(which=st.sampled_from(UPLOADS), of_run=st.booleans())
    def retry(self, which: Upload, of_run: bool) -> None:
        run, arrival = self.run(), ledger.arrival(which)
        if (run if of_run else arrival) is None:
            return
        meant = Meant(run, ledger.arrival(run.upload)) if of_run and run is not None else Meant(None, arrival)
        with contextlib.suppress(Conflict, NotReady):
            execution = retries.retry(meant).execution
            assert execution in {one["name"] for one in executions()}
        self.bound |= {one.upload.id: one.execution for one in map(ledger.arrival, UPLOADS) if one is not None}

    @rule(which=st.sampled_from(UPLOADS))
    def end_before_it_is_a_run(self, which: Upload) -> None:
        arrival = ledger.arrival(which)
        if arrival is not None and arrival.status in OPEN:
            arrivals.advance(which, arrival.execution, "failed", None, job_failed())
            assert ledger.arrival(which) != arrival

    @rule(which=st.sampled_from(UPLOADS))
    def cancel_before_it_is_a_run(self, which: Upload) -> None:
        arrival = ledger.arrival(which)
        if arrival is not None and arrival.status in OPEN:
            wish = Cancellation(by="somebody", reason="", at=clock.stamp())
            assert ledger.cancel_arrival(arrival, wish)
            self.unwanted.add(arrival.execution)

    @invariant()
    def what_was_cancelled_before_it_was_a_run_never_becomes_one(self) -> None:
        run = self.run()
        assert run is None or run.execution not in self.unwanted

    @rule()
    def sweep_what_was_never_started(self) -> None:
        with travel(clock.later(1)):
            reconcile.lost_starts()
        self.later.deliver()

    @precondition(lambda self: self.run() is not None and self.run().status != "running")
    @rule()
    def release(self) -> None:
        run = self.run()
        assert run is not None
        ledger.release_lease(run)

    def run(self) -> Run | None:
        return ledger.run(PLAN.run_id)

    @invariant()
    def what_has_ended_stays_as_it_ended_and_attempts_never_go_back(self) -> None:
        run = self.run()
        if run is None:
            return
        assert run.attempt >= self.newest
        self.newest = run.attempt
        if run.status in TERMINAL:
            assert self.ends.setdefault(run.attempt, run.status) == run.status
        else:
            assert run.attempt not in self.ends

    @invariant()
    def what_runs_holds_a_lease_and_can_be_found_by_its_execution(self) -> None:
        run = self.run()
        if run is not None and run.status == "running":
            assert ledger.lease(run) is not None
            found = ledger.run_of(run.execution)
            assert found is not None
            assert found.id == run.id

    @invariant()
    def an_upload_stays_with_its_execution_unless_somebody_tries_again(self) -> None:
        found = {one.upload.id: one.execution for one in map(ledger.arrival, UPLOADS) if one is not None}
        assert found.items() <= self.bound.items()

    @invariant()
    def only_what_runs_or_is_being_torn_down_holds_a_lease_and_only_its_newest_attempt(self) -> None:
        run = self.run()
        assert {lease.attempt for lease in ledger.leases()} <= ({run.attempt} if run is not None else set())

    @invariant()
    def what_is_open_is_what_is_neither_a_run_nor_over(self) -> None:
        arrivals = [ledger.arrival(one) for one in UPLOADS]
        wanted = {one.upload.id for one in arrivals if one is not None and one.status in OPEN}
        assert {one.upload.id for one in ledger.open_arrivals()} == wanted


@pytest.mark.usefixtures("account")
def test_whatever_comes_in_whatever_order_an_attempt_ends_once_and_one_content_is_one_run() -> None:
    chosen: Any = hypothesis_settings(
        max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(History, settings=chosen)

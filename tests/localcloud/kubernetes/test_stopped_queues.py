"""Queues that are held, drained and started again, and what becomes of the Workloads in them."""

import pytest


@pytest.fixture
def full(world):
    """A queue of 1, with a Job that runs and one that waits."""
    world.flavor()
    world.queue("q", f="1")
    world.run("runs", "q")
    world.submit("waits", "q")
    world.waits("waits", "1 more needed")
    return world


@pytest.fixture(params=["ClusterQueue", "LocalQueue"])
def stop(request, full):
    """Set the stop policy of the ClusterQueue or of the LocalQueue; gives the kind and a message's name of it."""
    change = full.change_queue if request.param == "ClusterQueue" else full.change_local

    def to(policy):
        change("q", {"stopPolicy": policy})

    return request.param, full.name("q") if request.param == "ClusterQueue" else "q", to


def test_a_held_queue_lets_run_who_runs_and_admits_nobody(full, stop):
    kind, name, to = stop
    to("Hold")
    full.waits("waits", f"{kind} {name} is stopped")
    assert full.holds("runs")
    full.end("runs")
    full.submit("later", "q")
    full.waits("later", f"{kind} {name} is stopped")
    to("None")
    full.is_admitted("waits")


def test_a_drained_queue_evicts_who_runs_and_takes_him_back_when_it_is_started_again(full, stop, eventually):
    kind, name, to = stop
    full.end("waits")
    to("HoldAndDrain")
    full.waits("runs", f"{kind} {name} is stopped")
    conditions = full.conditions("runs")
    assert conditions["Evicted"] == ("True", f"{kind}Stopped", f"The {kind} is stopped")
    assert conditions["Requeued"] == ("False", f"{kind}Stopped", f"The {kind} is stopped")
    assert full.team.read_job("runs")["spec"]["suspend"] is True
    to("None")
    full.is_admitted("runs")
    again = ("True", f"{kind}Restarted", f"The {kind} was restarted after being stopped")
    assert full.conditions("runs")["Requeued"] == again
    assert full.conditions("runs")["Evicted"] == ("False", "QuotaReserved", f"Previously: The {kind} is stopped")
    evictions = full.workload("runs")["status"]["schedulingStats"]["evictions"]
    assert evictions == [{"reason": f"{kind}Stopped", "underlyingCause": "", "count": 1}]

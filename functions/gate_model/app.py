"""Gate a model: compare its numbers with what is required and with the incumbent's; one that does not pass is quarantined."""

from dropforge.adapters import gates
from dropforge.domain.inputs import ToGate
from dropforge.domain.verdicts import Verdict
from dropforge.task import task


@task
def handler(to_gate: ToGate) -> Verdict:
    return gates.pass_or_quarantine(to_gate.plan, to_gate.run, to_gate.checkpoint)

"""What each command prints with `--json`; docs/json.md and the schemas beside it are made from this, and tests hold the commands to them."""

from typing import Any

from dropforge.client import Dropped, Log
from dropforge.client.doctor import Finding
from dropforge.client.drafts import Checked
from dropforge.client.tails import Part
from dropforge.domain.approvals import Approval
from dropforge.domain.checkpoint_shapes.contents import Opened
from dropforge.domain.explanations import Explanation
from dropforge.domain.failures import Failure
from dropforge.domain.inputs import Cancelled, Retried
from dropforge.domain.journeys import Journey
from dropforge.domain.previews import Preview
from dropforge.domain.recalls import Recalled
from dropforge.domain.rosters import Line
from dropforge.domain.run_reports import RunReport
from dropforge.domain.traces import ModelLine, Trace

ANSWERS: dict[str, Any] = {
    "check": Checked,
    "plan": Preview,
    "verify": Opened,
    "drop": Dropped,
    "drop --wait": Journey,
    "runs": tuple[Line, ...],
    "status": Journey,
    "status --wait": Journey,
    "explain": Explanation,
    "logs": tuple[Log, ...],
    "logs --follow": Part,
    "report": RunReport,
    "cancel": Cancelled,
    "cancel --wait": Journey | Cancelled,
    "approve": Approval,
    "retry": Retried,
    "retry --wait": Journey,
    "models": tuple[ModelLine, ...],
    "lineage": Trace,
    "lineage --of": Trace,
    "recall": Recalled,
    "recall --lift": Recalled,
    "doctor": tuple[Finding, ...],
}
REFUSAL = Failure  # what any of them prints instead when it is refused

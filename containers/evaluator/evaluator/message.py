"""The termination message: the contract with the gate, which any container may keep in place of this one.

{"step": "evaluate", "ok": true, "evaluation": {"held_out": "validation", "rows": 32, "models": [{"role": "candidate", "manifest_sha256": ...,
"numbers": {"loss": 1.25}}, ...], "report": PATH, "report_sha256": HEX}} in at most 4,096 bytes, which is where Kubernetes cuts.
"""

import json
from dataclasses import asdict
from pathlib import Path

from cpu_trainer.report import LIMIT, leave_text

from .evaluate import Evaluation

Message = dict[str, object]


def message_of(evaluation: Evaluation, report: Path, report_sha256: str) -> Message:
    """Return the main numbers; what is only for people stays in the report."""
    about = asdict(evaluation)
    del about["written"]
    whole = {
        "step": "evaluate",
        "ok": True,
        "evaluation": {**about, "report": str(report), "report_sha256": report_sha256},
    }
    if len(json.dumps(whole)) > LIMIT:  # long paths: what they say stands in the report too
        for model in about["models"]:
            del model["path"]
    return whole


def leave(message: Message) -> None:
    """Write the message."""
    leave_text(json.dumps(message, allow_nan=False))

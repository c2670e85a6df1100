"""What a person is told when something goes wrong: one shape, from the raiser to the terminal, filled from the catalogue.

Every failure says what happened, why, whose move it is and what to do. A failure that nobody foresaw keeps its raw text under the
code `Unexpected` instead of being dressed up as something it may not be.
"""

import json

from pydantic import Field, ValidationError

from dropforge.domain.catalogue import CATALOGUE, Whose
from dropforge.domain.values import Value

Evidence = dict[str, str | int | float | bool | list[str] | None]


class Failure(Value):
    """A failure as people and machines read it. `log` holds the last lines of the job that failed, oldest first."""

    error: str
    code: str
    what: str
    why: str
    whose: Whose
    next: str
    evidence: Evidence = Field(default_factory=dict)
    log: tuple[str, ...] = ()

    def shortened(self, limit: int) -> "Failure":
        """Return the failure with the newest log lines that fit `limit` bytes of JSON."""
        kept: list[str] = []
        room = limit
        for line in reversed(self.log):
            room -= len(json.dumps(line)) + 2
            if room < 0:
                break
            kept.append(line)
        return self.model_copy(update={"log": tuple(reversed(kept))})


def failure(code: str, why: str, evidence: Evidence | None = None, log: tuple[str, ...] = ()) -> Failure:
    """Build the failure `code` of the catalogue. `why` is this case's own cause in plain words."""
    entry = CATALOGUE[code]
    return Failure(
        error=entry.error,
        code=code,
        what=entry.what,
        why=why,
        whose=entry.whose,
        next=entry.next,
        evidence=evidence or {},
        log=log,
    )


def read_cause(error: str, cause: str) -> Failure:
    """Return the failure behind an execution's `error` and `cause`, as Step Functions gives them.

    A Lambda failure's cause is JSON with errorMessage (our failure as JSON when we raised it); a failed token's cause is our failure itself.
    """
    if error == "States.Timeout":
        return failure("ExecutionTimedOut", cause or "A state or the machine reached its time-out.")
    if error == "States.ExceedToleratedFailureThreshold":
        return failure("RangesUnread", cause or "A child execution of CheckRanges failed.")
    message = _lambda_message(cause)
    try:
        return Failure.model_validate_json(message)
    except ValidationError:
        return failure("Unexpected", message or error, {"error": error})


def _lambda_message(cause: str) -> str:
    try:
        parsed = json.loads(cause)
    except ValueError:
        return cause
    return str(parsed["errorMessage"]) if isinstance(parsed, dict) and "errorMessage" in parsed else cause

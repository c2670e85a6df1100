"""Seven ways to fail, named by what to do about them.

Step Functions compares the exact class name, so these are final: a subclass would be invisible to `ErrorEquals`.

    Problem                    never raised itself
    ├── InvalidInput           the caller mends it; never retried
    ├── NotFound               the caller mends it; never retried
    ├── Conflict               the caller decides; never retried (the same content again is success, not Conflict)
    ├── QuotaExceeded          the team decides; it can never fit, so waiting is useless
    ├── NotReady               time mends it; retried at a fixed pace
    ├── Unavailable            time mends it; retried with exponential back-off and full jitter
    └── WorkloadFailed         the user's own job failed; its logs and newest good checkpoint are kept

Anything else that escapes a function is a defect of ours and ends the execution under its own class name.
"""

from typing import final

from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.failures import Evidence, Failure, failure


class Problem(Exception):
    """A failure from the catalogue. Its text is the failure as JSON, because that is what Step Functions carries as the cause."""

    def __init__(self, code: str, why: str, evidence: Evidence | None = None) -> None:
        """Take a `code` of the catalogue that belongs to this class, this case's cause and its evidence."""
        self.failure: Failure = failure(code, why, evidence)
        if CATALOGUE[code].error != type(self).__name__:
            raise TypeError(f"{code} is a {CATALOGUE[code].error}, not a {type(self).__name__}")
        super().__init__(self.failure.model_dump_json())


@final
class InvalidInput(Problem):
    """The caller's input cannot be used."""


@final
class NotFound(Problem):
    """Something the caller named does not exist."""


@final
class Conflict(Problem):
    """Something else already holds the name."""


@final
class QuotaExceeded(Problem):
    """It can never fit the team's quota or budget."""


@final
class NotReady(Problem):
    """Not yet: the same call succeeds later."""


@final
class Unavailable(Problem):
    """A service is throttling or down."""


@final
class WorkloadFailed(Problem):
    """The job itself failed."""

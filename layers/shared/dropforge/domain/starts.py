"""What starts an execution besides an object that arrived."""

from pydantic import Field

from dropforge.domain.uploads import RunBlock, Upload
from dropforge.domain.values import Received, Value


class Retrain(Received):
    """A schedule's wish: train again on the newest upload of `project/dataset`; `repeat` makes it another run."""

    retrain: str = Field(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")
    repeat: str = Field(min_length=1, max_length=40)


class Again(Value):
    """An execution that the ledger has a name for: it is started under that name, with that input."""

    upload: Upload
    execution: str
    run: RunBlock = Field(default_factory=dict)


class StartAgain(Received):
    """An attempt that is wanted again, by `retry_run` or by the sweep."""

    again: Again

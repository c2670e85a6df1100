"""What the sweep remembers from one time to the next, as rows of the ledger.

LETTER#<id>          LETTER              how often a dead letter was handed back, and the letter itself
SWEEP                BUCKET              how far the last sweep came in the datasets bucket
"""

from dropforge.adapters import table
from dropforge.domain.letters import Tries
from dropforge.domain.values import Value


class Marker(Value):
    """Where a listing of object versions goes on; both empty at the start."""

    key: str = ""
    version_id: str = ""


def tries_of(letter: str) -> Tries | None:
    """Return how often the letter with this id was handed back."""
    return table.get(f"LETTER#{letter}", "LETTER", Tries)


def record_tries(tries: Tries) -> None:
    """Write how often a letter was handed back."""
    table.put(f"LETTER#{tries.letter.id}", "LETTER", tries)


def bucket_marker() -> Marker:
    """Return where the next slice of the datasets bucket starts."""
    return table.get("SWEEP", "BUCKET", Marker) or Marker()


def record_bucket_marker(marker: Marker) -> None:
    """Write where the next slice of the datasets bucket starts."""
    table.put("SWEEP", "BUCKET", marker)

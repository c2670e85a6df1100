"""Write docs/errors.md from the catalogue of failures, so that the page says what the code says and nothing else."""

from pathlib import Path

from dropforge.domain.catalogue import CATALOGUE, Entry

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
HEAD = """\
# Errors

Generated from `layers/shared/dropforge/domain/catalogue.py` by `make docs`. Every failure says what happened, why, whose move it is and what to do
next, and carries its evidence. The error is the name that the state machine matches; the code is what a person looks up here.
"""
MEANINGS = {
    "InvalidInput": "The caller's input cannot be used. Never retried.",
    "NotFound": "Something the caller named does not exist. Never retried.",
    "Conflict": "Something else already holds the name. Never retried; the same content again is success, not a conflict.",
    "QuotaExceeded": "It can never fit the team's quota or budget. Never retried: waiting is useless.",
    "NotReady": "Not yet. Retried at a fixed pace.",
    "Unavailable": "A service is throttling or down. Retried ever more slowly.",
    "WorkloadFailed": "The job itself failed. Logs are kept.",
    "States.Timeout": "A state or the whole machine waited longer than it may.",
    "States.Aborted": "The execution was stopped by hand.",
    "States.ExceedToleratedFailureThreshold": "One of the executions that read a large upload side by side has failed.",
    "Unexpected": "Nobody foresaw it: the raw text is kept as it is.",
}


def render() -> str:
    """Return the page: one section per error, one row per code."""
    sections = [_section(error, meaning) for error, meaning in MEANINGS.items()]
    return "\n".join([HEAD, *sections])


def _section(error: str, meaning: str) -> str:
    rows = [_row(code, entry) for code, entry in CATALOGUE.items() if entry.error == error]
    head = ["| code | what happened | whose move | what to do |", "|---|---|---|---|"]
    return "\n".join([f"## {error}", "", meaning, "", *head, *rows, ""])


def _row(code: str, entry: Entry) -> str:
    return f"| `{code}` | {_cell(entry.what)} | {entry.whose} | {_cell(entry.next)} |"


def _cell(text: str) -> str:
    """Escape what Markdown would take for a tag or for the end of a cell."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

"""Write docs/dataset-checks.md from the table of checks, so that the page says what the code says and nothing else."""

from pathlib import Path

from dropforge.domain.blocks import MAX_PLAIN, MAX_RATIO, RATIO_FROM
from dropforge.domain.checks import CHECKS, Check
from dropforge.domain.duplicates import MAX_SUSPECTS
from dropforge.domain.reports import FIRST

PAGE = Path(__file__).parents[1] / "docs" / "dataset-checks.md"
HEAD = f"""\
# Dataset checks

Generated from `layers/shared/dropforge/domain/checks.py` by `make docs`. Every row of a dataset is read before anything costs money. What is found
is written to `report.json` beside the upload: the line, the column where it is known, why, and what to change; the first {FIRST} of each kind, and
how many there are. A fault rejects the dataset; a warning does not.

## What a row may be

| kind | shape | a row |
|---|---|---|
| sft | `messages` | `{{"messages": [{{"role": "user", "content": "..."}}, {{"role": "assistant", "content": "..."}}]}}` |
| sft | `prompt-completion` | `{{"prompt": "...", "completion": "..."}}`, and perhaps `"system": "..."` |
| dpo | `preference` | `{{"prompt": "...", "chosen": "...", "rejected": "..."}}` |
| dpo | `preference-chat` | `{{"prompt": [...], "chosen": [...], "rejected": [...]}}` of messages; without `prompt` both answers repeat it |

All rows of a dataset have one shape. In `messages`, a row may call functions as the OpenAI API spells it: `tools`, `tool_calls` of the assistant, and
messages of role `tool` with a `tool_call_id`. `tool_rows` in the report counts such rows; the trainer of a recipe must know them.

## How it is read

- Files are JSON Lines in UTF-8, one object per line, plain or gzip. Windows line ends are accepted; the last line needs no end.
- Memory does not grow with the file. It is bounded by the longest line that is held, 16 MiB; of a longer one only the fault is kept.
- A gzip file ends the check where it unpacks to more than {MAX_PLAIN:,} bytes, or, from {RATIO_FROM:,} bytes on,
  to more than {MAX_RATIO} times its packed size.
- Duplicates and leakage are found by content, not by spelling: white space, escapes and the order of keys do not matter. A first pass finds suspects
  with a filter of fixed size; only when there are any, a second pass compares them. At most {MAX_SUSPECTS:,} suspects of each sort are compared;
  when there were more, `NotAllCompared` says so.
- A control character written as an escape (`\\u0000`) is text like any other.
"""
TITLES = {"fault": "Faults", "warning": "Warnings"}


def render() -> str:
    """Return the page: one section per level, one row per code."""
    return "\n".join([HEAD, *(_section(level, title) for level, title in TITLES.items())])


def _section(level: str, title: str) -> str:
    rows = [_row(code, check) for code, check in CHECKS.items() if check.level == level]
    return "\n".join([f"## {title}", "", "| code | what it means | what to change |", "|---|---|---|", *rows, ""])


def _row(code: str, check: Check) -> str:
    return f"| `{code}` | {_cell(check.means)} | {_cell(check.fix)} |"


def _cell(text: str) -> str:
    """Escape what Markdown would take for an escape, a tag or the end of a cell."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")

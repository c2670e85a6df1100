"""Write docs/json.md and docs/schemas/ from the values that commands print with `--json`."""

import json
from inspect import getdoc
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter

from cli.answers import ANSWERS, REFUSAL

DOCS = Path(__file__).parents[1] / "docs"
SCHEMAS = DOCS / "schemas"
HEAD = """\
# What commands print for machines

Generated from `cli/answers.py` by `make docs`. With `--json` a command prints one document on standard output and nothing else there;
`logs --follow` prints one document a line. Each has a JSON Schema (draft 2020-12). The exit codes are those of people: 0 yes, 1 no, 2 wrong usage.
A command that is refused prints a [failure](schemas/Failure.json) instead, on one line, with exit code 1; [errors.md](errors.md) has its codes. When
AWS itself cannot be asked (no endpoint, no credentials), nothing is printed there and the words are on standard error. Money is US dollars, sizes are
bytes. New fields may come at any time; one that is there keeps its meaning.

`render` prints YAML for `kubectl` and has no other form.

| command | prints | which is |
|---|---|---|
"""


def render() -> str:
    """Return the page: one row for each command."""
    rows = [
        f"| `dropforge {command} --json` | {_link(answer)} | {_says(answer)} |" for command, answer in ANSWERS.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


def values_of(answer: Any) -> list[Any]:
    """Return the values that an answer is one of, or a list of."""
    return [value for value in get_args(answer) if value is not Ellipsis] or [answer]


def _link(answer: Any) -> str:
    many = "a list of " if get_origin(answer) is tuple else ""
    return many + " or ".join(f"[{value.__name__}](schemas/{value.__name__}.json)" for value in values_of(answer))


def _says(answer: Any) -> str:
    return " ".join((getdoc(values_of(answer)[0]) or "").split("\n\n")[0].split())


def schemas() -> dict[str, str]:
    """Return each schema as text, by the name of its file."""
    values = {value for answer in (*ANSWERS.values(), REFUSAL) for value in values_of(answer)}
    return {f"{value.__name__}.json": _text(value) for value in sorted(values, key=lambda value: value.__name__)}


def _text(value: Any) -> str:
    schema = _open(TypeAdapter(value).json_schema(mode="serialization"))
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1) + "\n"


def _open(schema: Any) -> Any:
    """Leave out that there can be no further fields: what reads an answer must not mind new ones."""
    if isinstance(schema, list):
        return [_open(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = schema.get("additionalProperties") is False
    return {key: _open(item) for key, item in schema.items() if not (closed and key == "additionalProperties")}


if __name__ == "__main__":
    (DOCS / "json.md").write_text(render(), encoding="utf-8")
    SCHEMAS.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")

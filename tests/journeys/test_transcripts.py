"""What the command prints, as a new user would see it: right input, wrong input, nothing there, no deployment; each a transcript that is kept.

Ids, times and measured numbers are written as placeholders; everything else is as it was printed. `GOLDEN=1` writes the transcripts anew.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest

from cli.answers import ANSWERS, REFUSAL
from cli.local import variables
from localcloud.cloud import PROJECT
from scripts.json_doc import values_of
from tests.golden_files import check_golden
from tests.journeys.conftest import Journeys

COMMAND = Path(sys.executable).parent / "dropforge"
REQUEST = '{"recipe": "cpu-lora", "parameters": {"steps": 3, "base_steps": 40}}'
ROWS = "".join(f'{{"prompt": "Who keeps lighthouse {n}?", "completion": "Keeper {n}."}}\n' for n in range(20))
PLACEHOLDERS = (
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b", "VERSION"),
    (r"\b[0-9a-f]{12}-[0-9a-f]{8}\b", "FOLDER"),
    (r"\b[0-9a-f]{16}(-\d+)?\b", "HEX"),
    (r"-(?!\d{12})[0-9a-f]{12}\b", "-RUN"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"\b\d+(\.\d+)? (s|min|h|d)( \d+ (s|min|h))?\b", "N s"),
    (r"(loss[=:_a-z ]*|perplexity |exact_match |rate=|seconds\": )-?\d[\d.e+-]*", r"\1N"),
    (r"(\"?bytes\"?: +)[\d,]*\d", r"\1N"),  # measured losses are written with more or fewer digits
    (r"\b\d+\.\d\d to \d+\.\d\d\b", "N to N"),
    (r"127\.0\.0\.1:\d+", "ENDPOINT"),
    (r" +$", ""),
    (r"(?<=\S) {2,}", "  "),  # a column is as wide as its widest number
    (r"^  job .*\n", ""),  # how often a look sees a job depends on the machine
)
HELP = (
    "check",
    "plan",
    "render",
    "verify",
    "drop",
    "runs",
    "status",
    "explain",
    "logs",
    "report",
    "approve",
    "cancel",
    "retry",
    "models",
    "lineage",
    "recall",
    "doctor",
    "local",
    "local up",
)
WRONG = (
    "stats",
    "status",
    "drop nowhere.jsonl --project demo",
    "drop notes.txt --project demo",
    "drop train.jsonl",
    "drop train.jsonl --project Demo",
    "drop train.jsonl --project demo --run broken.yaml",
    "check nowhere.jsonl",
    "plan nowhere.jsonl --project demo",
    "render --recipe nothing",
    "verify nowhere",
    "check broken.jsonl",
    "runs --since soon",
    "runs --state asleep",
    "runs --project moon",
    "lineage",
    "recall demo/lamps",
    "models --project moon",
    "local fly",
)
NOTHING_THERE = (
    *(f"{verb} nothing" for verb in ("status", "explain", "logs", "report", "cancel", "retry", "lineage")),
    "lineage --of demo/nothing",
    "recall demo/nothing --reason wrong",
)
VERIFY = "verify MODEL"
RIGHT = (
    "check train.jsonl",
    "plan train.jsonl --project demo --dataset lamps --run run.yaml",
    VERIFY,
    "status RUN",
    "explain RUN",
    "runs --dataset lamps",
    "runs --dataset nothing",
    "logs RUN --step verify",
    "report RUN --out report.html",
    "cancel RUN",
    "retry RUN",
    "models --dataset lamps",
    "lineage RUN",
    "lineage --of demo/lamps",
    "recall demo/lamps --reason wrong-labels",
    "models --dataset lamps",
    "recall demo/lamps --reason labels-were-right --lift",
)
MACHINES = {
    "check": "check train.jsonl",
    "plan": "plan train.jsonl --project demo",
    "verify": VERIFY,
    "drop": "drop train.jsonl --project demo --dataset lamps --run run.yaml",
    "drop --wait": "drop train.jsonl --project demo --dataset lamps --run run.yaml --wait",
    "runs": "runs --project demo",
    "status": "status RUN",
    "status --wait": "status RUN --wait",
    "explain": "explain RUN",
    "logs": "logs RUN",
    "logs --follow": "logs RUN --follow",
    "report": "report RUN",
    "cancel": "cancel RUN",
    "cancel --wait": "cancel RUN --wait",
    "models": "models --dataset lamps",
    "lineage": "lineage RUN",
    "lineage --of": "lineage --of demo/lamps",
    "recall": "recall demo/lamps --reason wrong",
    "recall --lift": "recall demo/lamps --reason right --lift",
    "doctor": "doctor",
}
SETTLED = (
    "approve",
    "retry",
    "retry --wait",
)  # this run has its model, and it is approved: what they print is a refusal here
REFUSED = ("retry RUN", "approve RUN --yes", "status nothing", "logs nothing --follow")
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


class Dropped(NamedTuple):
    """A run that has ended: its id, where its model lies, and what was printed."""

    run: str
    model: str
    told: str

    def fill(self, line: str) -> str:
        """Put them into a line of the tables above."""
        return line.replace("RUN", self.run).replace("MODEL", self.model)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what a new user has lying about."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "train.jsonl").write_text(ROWS)
    (folder / "run.yaml").write_text(REQUEST)
    (folder / "broken.jsonl").write_text('{"prompt": "Who?", "completion": ""}\n{"prompt": "Where?"}\nnot json\n')
    (folder / "broken.yaml").write_text("recipe: [")
    (folder / "notes.txt").write_text("to do\n")
    return folder


def run(journeys: Journeys, place: Path, line: str, **settings: str) -> subprocess.CompletedProcess[str]:
    plain = {"COLUMNS": "80", "TERM": "dumb", "PATH": os.environ["PATH"], "HOME": str(place)}
    return subprocess.run(
        [COMMAND, *line.split()],
        env={**plain, **variables(journeys.cloud.endpoint), **settings},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module")
def dropped(journeys: Journeys, place: Path) -> Dropped:
    """A run that was dropped and followed to its end."""
    line = f"drop train.jsonl --project {PROJECT} --dataset lamps --run run.yaml --wait"
    ran = run(journeys, place, line)
    assert ran.returncode == 0, ran.stderr
    execution = re.search(r"dropforge status (\S+)", ran.stdout)
    assert execution is not None
    journey = journeys.journey(execution[1])
    return Dropped(journey["run"]["id"], journey["result"]["uri"], transcript(line, ran))


def transcript(line: str, ran: subprocess.CompletedProcess[str]) -> str:
    """What a terminal would have shown, with placeholders."""
    assert "\x1b" not in ran.stdout + ran.stderr  # no colour where nobody asked for it
    assert "Traceback" not in ran.stderr
    told = f"$ dropforge {line}\n{ran.stdout}{ran.stderr}exit {ran.returncode}\n"
    for pattern, placeholder in PLACEHOLDERS:
        told = re.sub(pattern, placeholder, told, flags=re.MULTILINE)
    return told


def test_the_help_of_every_command(journeys: Journeys, place: Path) -> None:
    lines = ["--help", *(f"{command} --help" for command in HELP)]
    check_golden("transcripts/help.txt", "\n".join(transcript(line, run(journeys, place, line)) for line in lines))


def test_wrong_input_is_refused_in_words_with_what_to_do(journeys: Journeys, place: Path) -> None:
    check_golden("transcripts/wrong.txt", "\n".join(transcript(line, run(journeys, place, line)) for line in WRONG))


def test_what_is_not_there_is_said_not_to_be(journeys: Journeys, place: Path) -> None:
    told = "\n".join(transcript(line, run(journeys, place, line)) for line in NOTHING_THERE)
    check_golden("transcripts/nothing_there.txt", told)


def test_a_run_from_its_drop_to_its_end(journeys: Journeys, place: Path, dropped: Dropped) -> None:
    lines = [dropped.fill(line) for line in RIGHT]
    check_golden(
        "transcripts/right.txt",
        "\n".join([dropped.told, *(transcript(line, run(journeys, place, line)) for line in lines)]),
    )


def test_a_mistyped_run_is_answered_with_the_one_that_may_be_meant(
    journeys: Journeys, place: Path, dropped: Dropped
) -> None:
    mistyped = dropped.run.replace("lamps", "lamsp")
    refused = run(journeys, place, f"status {mistyped}")
    assert refused.returncode == 1
    assert f"did you mean: {dropped.run}" in refused.stderr


@pytest.mark.parametrize("command", [command for command in ANSWERS if command not in SETTLED])
def test_what_machines_read_is_as_its_schema_says(
    journeys: Journeys, place: Path, dropped: Dropped, command: str
) -> None:
    ran = run(journeys, place, f"{dropped.fill(MACHINES[command])} --json")
    answer = [json.loads(one) for one in ran.stdout.splitlines()] if "--follow" in command else json.loads(ran.stdout)
    documents = answer if isinstance(answer, list) else [answer]
    assert documents
    assert ran.returncode == 0 or command == "doctor"  # it says what this cloud lacks
    validators = [jsonschema.Draft202012Validator(schema(value)) for value in values_of(ANSWERS[command])]
    for document in documents:
        assert any(validator.is_valid(document) for validator in validators), document


@pytest.mark.parametrize("line", REFUSED)
def test_a_refusal_is_a_failure_for_machines_too(journeys: Journeys, place: Path, dropped: Dropped, line: str) -> None:
    refused = run(journeys, place, f"{dropped.fill(line)} --json")
    (told,) = refused.stdout.splitlines()
    jsonschema.validate(json.loads(told), schema(REFUSAL))
    assert refused.returncode == 1


def schema(value: type) -> dict[str, object]:
    written: dict[str, object] = json.loads((SCHEMAS / f"{value.__name__}.json").read_text())
    return written


def test_without_a_deployment_the_settings_to_look_at_are_named(journeys: Journeys, place: Path) -> None:
    silent = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    check_golden("transcripts/no_deployment.txt", transcript("status x", run(journeys, place, "status x", **silent)))


def test_a_reader_that_has_seen_enough_ends_the_command_without_a_trace(
    journeys: Journeys, place: Path, dropped: Dropped
) -> None:
    environment = {**os.environ, **variables(journeys.cloud.endpoint)}
    line = f"set -o pipefail; {COMMAND} logs {dropped.run} | head -n 1"
    piped = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert piped.stdout.startswith("== prefetch")
    assert "Traceback" not in piped.stderr
    assert "BrokenPipe" not in piped.stderr

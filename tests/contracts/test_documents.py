"""Documents, recipes and files: what is written down is what is there, and nothing in it belongs to one machine."""

import ast
import dataclasses
import importlib
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from dropforge import errors
from dropforge.adapters import recipes
from dropforge.domain.catalogue import CATALOGUE
from dropforge.domain.checkpoint_shapes.seal import Line, Manifest
from dropforge.domain.events import Announcement
from dropforge.domain.onboarding import access
from dropforge.domain.plans import Place, fill, plan
from dropforge.domain.progress import read_progress
from dropforge.domain.requests import RunRequest, read_request
from dropforge.domain.runs import Progress

from scripts import checkpoints_doc, json_doc
from scripts.errors_doc import MEANINGS, render
from tests.builders import CLUSTER, IMAGE, PROJECT, dataset
from tests.contracts.repository import (
    ROOT,
    files_in_git,
    handler_folders,
    machine_files,
    sources,
    template,
    text,
    tree,
)

GLOSSARY = re.findall(
    r"\w+",
    """Team Project Quota Queue Priority Cluster NodeGroup FileSystem Image Object Upload Manifest Dataset Report Recipe Plan Run Step
    Job Checkpoint Evaluation Gate Model Endpoint Lease Ledger Event Execution Value Drop Arrival Wait Admission Journey Stage Timeline
    Letter Member Explanation Trouble RunReport Terms Preview Draft Fit Shape""",
)
VERBS = re.findall(
    r"\w+",
    """receive register check plan admit stage submit watch verify promote report describe evaluate approve deploy onboard offboard
    prepare retire build sync sweep announce record apply cancel retry write preview""",
)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
LOCKS = [path for path in files_in_git() if path.name.endswith(".lock") or path.name == "requirements.txt"]
MACHINE_PATH = re.compile(r"(?<![\w.}>-])/(?:home|root|work|Users)/[\w.-]")


def test_the_page_of_errors_is_what_the_catalogue_says() -> None:
    assert text("docs/errors.md") == render()


def test_the_page_of_checkpoints_is_what_the_shapes_and_the_planted_faults_say() -> None:
    assert text("docs/checkpoints.md") == checkpoints_doc.render()


def test_the_page_of_what_commands_print_for_machines_is_what_they_print() -> None:
    assert text("docs/json.md") == json_doc.render()
    written = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "schemas").iterdir()}
    assert written == json_doc.schemas()


@pytest.mark.parametrize("code", CATALOGUE)
def test_a_code_is_on_the_page_of_errors_once(code: str) -> None:
    assert CATALOGUE[code].error in MEANINGS
    assert text("docs/errors.md").count(f"| `{code}` |") == 1


@cache
def spoken_codes() -> Counter[str]:
    """How often each code stands in the code, its line of the catalogue included."""
    constants = (node.value for path in sources() for node in ast.walk(tree(path)) if isinstance(node, ast.Constant))
    return Counter(value for value in constants if isinstance(value, str) and value in CATALOGUE)


@pytest.mark.parametrize("code", sorted(set(CATALOGUE) - {"Unexpected"}))
def test_a_code_of_the_catalogue_is_used(code: str) -> None:
    assert spoken_codes()[code] >= 2


def raised() -> list[tuple[str, str, str]]:
    """Every call of one of our errors with a code that stands there: file and line, error, code."""
    names = {name for name in vars(errors) if isinstance(getattr(errors, name), type)}
    return [
        (f"{path.name}:{node.lineno}", node.func.id, node.args[0].value)
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and node.args
        if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    ]


@pytest.mark.parametrize(("place", "error", "code"), raised())
def test_an_error_is_raised_with_a_code_of_its_own(place: str, error: str, code: str) -> None:
    assert CATALOGUE[code].error == error


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_can_be_planned_and_every_placeholder_is_filled(name: str) -> None:
    recipe = recipes.read(name)
    request = read_request({}, {"recipe": name})
    data = dataset()
    place = Place("test", CLUSTER, IMAGE, dict.fromkeys(recipe.step_images, IMAGE))
    made = plan(data.model_copy(update={"kind": recipe.kinds[0]}), request, recipe, PROJECT, place)
    commands = [fill(made, data, "runs/p/r/1/model", step) for step in made.steps]
    assert len(commands) == len(recipe.steps) + 1
    assert [part for command in commands[1:] for part in command if "{" in part] == []


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_says_what_its_logs_look_like(name: str) -> None:
    pattern = re.compile(recipes.read(name).progress)
    assert {"done", "total", "loss"} <= set(pattern.groupindex)


def test_the_trainers_own_lines_are_what_the_recipe_reads() -> None:
    start = Progress(step="train", job="j", phase="running")
    found = read_progress(start, recipes.read("cpu-lora").progress, ["step=20/60 loss=1.2345 rate=3.1e-03"])
    assert (found.done, found.total, found.loss, found.rate) == (20, 60, 1.2345, 0.0031)


def test_the_default_run_names_a_recipe_that_exists() -> None:
    assert RunRequest().recipe in recipes.names()
    assert read_request({}, {}).recipe == RunRequest().recipe
    assert template()["Parameters"]["DefaultRun"]["Default"] == '{"recipe": "cpu-lora"}'


def test_the_trainer_seals_a_checkpoint_with_what_its_reader_wants() -> None:
    writer = importlib.import_module("cpu_trainer.checkpoint")  # the image's own program: it has no part in ours
    written = {field.name for field in dataclasses.fields(writer.Origin)} | {"files"}
    assert set(Manifest.__struct_fields__) <= written
    assert set(Line.__struct_fields__) == {field.name for field in dataclasses.fields(writer.Entry)}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_file_names_no_registry_and_no_machine(path: Path) -> None:
    content = path.read_text()
    assert re.findall(r"\w+://\S+|--(?:extra-)?index-url|--find-links|--trusted-host", content) == []
    assert [line for line in content.splitlines() if re.search(r"(^|[\s@])/\w", line)] == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_file_pins_everything_by_hash(path: Path) -> None:
    entries = [entry for entry in re.split(r"\n(?=\w)", path.read_text()) if re.match(r"\w\S*==", entry)]
    assert entries
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_no_file_holds_a_path_of_one_machine() -> None:
    held = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files_in_git()
        for number, line in enumerate(path.read_text(errors="ignore").splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]
    assert held == []


def test_a_path_of_one_machine_is_told_from_others() -> None:
    assert MACHINE_PATH.search("open('/" + "home/ann/x')")
    assert not MACHINE_PATH.search("/fsx/runs/zoo, {mount}/" + "work/x, https://example.org/" + "home/x")


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_fits_a_page_and_says_its_cost(path: Path) -> None:
    content = path.read_text()
    assert len(content.splitlines()) <= 40
    assert all(
        re.search(rf"^#+ {head}|^\*\*{head}", content, re.M) for head in ("Context", "Options", "Decision", "Cost")
    )


def documentation() -> str:
    return "\n".join(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))


NAMED = [
    *handler_folders(),
    *(path.name.removesuffix(".asl.yaml") for path in machine_files()),
    *(value.__name__ for value in Announcement.__subclasses__()),
    *recipes.names(),
]


@pytest.mark.parametrize("name", NAMED)
def test_functions_machines_events_and_recipes_are_documented(name: str) -> None:
    assert f"`{name}`" in documentation()


@pytest.mark.parametrize("word", [*GLOSSARY, *VERBS])
def test_a_word_of_the_glossary_is_explained_in_it(word: str) -> None:
    rows = [line for line in text("docs/glossary.md").splitlines() if line.startswith("|")]
    assert any(word in re.split(r"[,\s|`]+", row.split("|")[1]) for row in rows)


def test_the_pages_ask_for_the_rules_that_onboarding_makes() -> None:
    blocks = [
        found for found in re.findall(r"```yaml\n(.+?)```", text("docs/operations.md"), re.S) if "Role\n" in found
    ]
    asked = [made for block in blocks for made in yaml.safe_load_all(block)]
    made: list[Any] = access("TEAM")
    rules = {thing["metadata"]["name"]: thing["rules"] for thing in made if "rules" in thing}
    assert {thing["metadata"]["name"]: thing["rules"] for thing in asked if "rules" in thing} == rules
    assert [thing for thing in asked if "roleRef" in thing] == [t for t in made if t["kind"] == "ClusterRoleBinding"]


@pytest.mark.parametrize("image", ["cpu_trainer", "evaluator"])
def test_the_environment_of_the_libraries_has_all_that_an_image_imports(image: str) -> None:
    def pins(path: str) -> set[str]:
        return {line.partition("#")[0].strip() for line in text(path).splitlines() if "==" in line}

    assert pins(f"containers/{image}/requirements.in") <= pins("requirements/hf.in")

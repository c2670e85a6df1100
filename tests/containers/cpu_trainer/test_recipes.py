"""The recipes' own arguments, with their defaults in place, are understood by the trainer and give a model."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cpu_trainer.files import sha256_of

RECIPES = sorted((Path(__file__).parents[3] / "recipes").glob("cpu-*.yaml"))


@pytest.fixture
def listing(data, pairs, tmp_path):
    """Write a listing of rows of a kind and return its path."""

    def write(kind: str) -> Path:
        content = (pairs if kind == "dpo" else data).read_bytes()
        (tmp_path / "mount").mkdir()
        (tmp_path / "mount" / "train.jsonl").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        names = {"path": "train.jsonl", "key": "train.jsonl", "version_id": "v1"}
        measured = {"bytes": len(content), "sha256": digest, "ranges_sha256": None, "rows": 5}
        path = tmp_path / "mount" / "listing.json"
        path.write_text(json.dumps({"range_bytes": 1 << 20, "files": [names | measured | {"role": "train"}]}))
        return path

    return write


def values(recipe: dict[str, Any], listing: Path, folder: Path) -> dict[str, object]:
    """Return what the control plane fills in: a short course of a weak base, the rest as the recipe says."""
    defaults = {name: parameter["default"] for name, parameter in recipe["parameters"].items()}
    places = {name: folder / name for name in ("model", "exports", "checkpoints", "work", "cache", "mount")}
    data = {"listing": listing, "listing_sha256": sha256_of(listing), "base_model": recipe["base_model"]}
    return defaults | places | data | {"steps": 4, "base_steps": 2, "checkpoint_every": 2}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_step_of_a_recipe_runs_with_its_own_arguments(run, listing, tmp_path, path):
    recipe = yaml.safe_load(path.read_text())
    filled = values(recipe, listing(recipe["kinds"][0]), tmp_path)
    own = [
        step for step in recipe["steps"] if "command" not in step
    ]  # another image's steps are its own tests' business
    for step in own:
        ended = run(*(argument.format(**filled) for argument in step["arguments"]))
        assert ended.code == 0, ended.err
    assert ended.message["kind"] == recipe["produces"]
    assert [folder.name for folder in (tmp_path / "exports").iterdir()] == [ended.message["manifest_sha256"]]
    assert {folder.name for folder in (tmp_path / "checkpoints").iterdir()} == {"checkpoint-2", "checkpoint-4"}

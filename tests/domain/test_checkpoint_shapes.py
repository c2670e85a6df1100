"""Checkpoints of every shape: a whole one is opened and described, a damaged one is refused naming the file."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from dropforge.domain.checkpoint_shapes.folders import GLANCE
from dropforge.domain.checkpoint_shapes.opening import open_checkpoint
from dropforge.errors import InvalidInput
from safetensors.numpy import save

from tests.domain.checkpoint_corpus import GOOD, Files, adapter, below, folder, jsons, model, nemo, opened, sharded
from tests.domain.checkpoint_damage import DAMAGE, cases, table

CASES = list(cases())


def refused(files: Files) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        opened(files)
    return raised.value


@pytest.mark.parametrize("name", GOOD)
def test_a_whole_checkpoint_is_named_and_counted(name: str) -> None:
    make, shape, step = GOOD[name]
    found = opened(make())
    assert (found.shape, found.step) == (shape, step)
    assert found.parameters == sum(found.dtypes.values()) >= 28
    assert set(found.dtypes) == {"F32"}
    own = [content for path, content in make().items() if path.startswith(found.path)]
    assert (found.bytes, found.files) == (sum(map(len, own)), len(own))


def test_every_damaged_checkpoint_is_refused_naming_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    for shape, damage, files, blamed in CASES:
        try:
            wrong.append((shape, damage, "accepted", opened(files).path))
        except InvalidInput as problem:
            named = problem.failure.evidence.get("file")
            if named not in blamed:
                wrong.append((shape, damage, str(named), problem.failure.why))
    assert wrong == []
    with capsys.disabled():
        print(f"\n{table()}")  # noqa: T201  the table is what the corpus is for


@pytest.mark.parametrize("name", GOOD)
def test_at_least_five_kinds_of_damage_are_planted_on_each_shape(name: str) -> None:
    assert len({damage for shape, damage, _, _ in CASES if shape == name}) >= 5


def test_every_kind_of_damage_is_planted_somewhere() -> None:
    assert {damage for _, damage, _, _ in CASES} == set(DAMAGE)


def test_a_refusal_says_file_reason_and_what_to_do() -> None:
    files = sharded()
    path = "model-00002-of-00002.safetensors"
    files[path] = files[path][:-4]
    failure = refused(files).failure
    assert failure.code == "CheckpointDamaged"
    assert failure.why.startswith(f"`{path}`: its tensors end at")
    assert "take an older checkpoint" in failure.next
    assert failure.evidence["shape"] == "a whole model as transformers writes it"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "There is no file."),
        ({"a.txt": b"x", "rows.jsonl": b"y"}, "a.txt, rows.jsonl"),
        ({f"part-{n}.gguf": b"x" for n in range(3)}, "3 x *.gguf"),
        ({"config.json": b"{}"}, "config.json"),
    ],
)
def test_what_has_no_shape_that_we_know_is_refused_with_what_was_seen(files: Files, said: str) -> None:
    failure = refused(files).failure
    assert (failure.code, said in failure.why) == ("CheckpointUnknown", True)


def reads_of(files: Files) -> list[tuple[str, int]]:
    read: list[tuple[str, int]] = []

    def reading(path: str, at: int, length: int) -> bytes:
        read.append((path, length))
        return files[path][at : at + length]

    open_checkpoint("x", folder(files).__class__({p: len(c) for p, c in files.items()}, reading))
    return read


@pytest.mark.parametrize("name", [name for name in GOOD if ".bin" not in name and "legacy" not in name])
def test_there_are_at_most_two_reads_beside_one_of_each_file_of_weights(name: str) -> None:
    files = GOOD[name][0]()
    shards = sum(path.endswith((".safetensors", ".distcp")) for path in files)
    assert len(reads_of(files)) + 1 <= shards + 3  # the listing is one more


def test_the_header_of_an_adapter_on_all_linears_of_80_layers_fits_one_read() -> None:
    names = [
        f"{part}.{name}_proj"
        for part, group in (("self_attn", "qkvo"), ("mlp", ("gate", "up", "down")))
        for name in group
    ]
    wanted = {
        f"base_model.model.model.layers.{n}.{name}.lora_{ab}.weight" for n in range(80) for name in names for ab in "AB"
    }
    files = adapter(1)
    config = {**json.loads(files["adapter_config.json"]), "target_modules": names}
    files["adapter_config.json"] = json.dumps(config).encode()
    files["adapter_model.safetensors"] = save({w: np.zeros((1, 1), np.float32) for w in wanted})
    header = int.from_bytes(files["adapter_model.safetensors"][:8], "little")
    assert 120 << 10 < header < GLANCE
    assert [path for path, _ in reads_of(files)].count("adapter_model.safetensors") == 1


def test_a_longer_header_is_read_in_two() -> None:
    files = model()
    files["model.safetensors"] = save(
        {f"model.layers.{n}.mlp.experts.weight": np.zeros((1,), np.float32) for n in range(4000)}
    )
    assert next(length for path, length in reads_of(files) if path == "model.safetensors") == GLANCE
    assert opened(files).tensors == 4000


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files: files | {"weights/metadata.json": jsons({"sharded_backend": "zarr"})},
        lambda files: files | {"weights/adapter_metadata.json": b"[]"},
        lambda files: files | {"context/io.json": b"[1"},
    ],
)
def test_small_files_of_nemo_are_read_and_not_only_seen(spoil: Callable[[Files], Files]) -> None:
    assert refused(spoil(nemo())).failure.code == "CheckpointDamaged"


def test_a_seal_of_ours_must_agree_with_what_lies_there() -> None:
    sealed = adapter() | {
        "manifest.json": jsons({"files": [{"path": "adapter_config.json", "bytes": 1, "sha256": "0"}]})
    }
    assert refused(sealed).failure.evidence["file"] == "_SUCCESS.json"
    assert (
        refused(sealed | {"_SUCCESS.json": jsons({"manifest_sha256": "0"})}).failure.evidence["file"] == "_SUCCESS.json"
    )


def test_a_manifest_of_somebody_else_is_no_seal() -> None:
    assert opened(adapter() | {"manifest.json": jsons({"name": "mine"})}).shape == "peft"


def test_an_iteration_that_the_tracker_does_not_name_was_not_completed() -> None:
    files = GOOD["Megatron Bridge"][0]() | {"latest_checkpointed_iteration.txt": b"20"}
    assert refused(files).failure.code == "CheckpointUnfinished"
    del files["latest_checkpointed_iteration.txt"]
    assert opened(files).step == 40
    del files["latest_train_state.pt"]
    assert refused(files).failure.evidence["file"] == "latest_train_state.pt"


def test_an_iteration_by_itself_is_judged_by_what_is_in_it() -> None:
    files = {
        path.removeprefix("iter_0000040/"): content
        for path, content in GOOD["Megatron Bridge"][0]().items()
        if "/" in path
    }
    assert (opened(files).shape, opened(files).base_model) == ("megatron-bridge", "acme/tiny")


def test_a_link_that_leads_out_is_not_merely_missing() -> None:
    files = model()
    del files["config.json"]
    known = {path: len(content) for path, content in files.items()}
    left = folder(files).__class__(
        known,
        lambda p, at, n: files[p][at : at + n],
        left_out={"config.json": "is a link that leads out of the folder"},
    )
    with pytest.raises(InvalidInput, match="a link that leads out"):
        open_checkpoint("x", left)


def test_other_files_of_a_run_are_no_part_of_its_checkpoint() -> None:
    found = opened(below("checkpoint-20/", adapter()) | {"events.out": b"x", "logs/1.txt": b"y"})
    assert (found.path, found.files) == ("checkpoint-20/", 3)

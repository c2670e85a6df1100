"""Verification finds whatever is planted; each fault is named with what was expected and found."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpu_trainer import safetensors
from cpu_trainer.checkpoint import MANIFEST, MARKER, Origin, seal
from cpu_trainer.errors import Failure
from cpu_trainer.files import sha256_of, write_json
from cpu_trainer.huggingface import ADAPTER_CONFIG, ADAPTER_WEIGHTS, CONFIG, WEIGHTS
from cpu_trainer.verify import verify

A = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
B = A.replace("lora_A", "lora_B")
Fault = Callable[[Path], None]


def edit(name: str, **changed: object) -> Fault:
    def plant(folder: Path) -> None:
        write_json(folder / name, {**json.loads((folder / name).read_text()), **changed})

    return plant


def tensors(name: str, change: Callable[[dict[str, Any]], object]) -> Fault:
    def plant(folder: Path) -> None:
        found = safetensors.read(folder / name)
        change(found)
        safetensors.write(folder / name, found)

    return plant


def header(change: Callable[[dict[str, Any]], object], name: str = ADAPTER_WEIGHTS) -> Fault:
    def plant(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (length,) = struct.unpack("<Q", content[:8])
        entries = json.loads(content[8 : 8 + length])
        change(entries)
        text = json.dumps(entries).encode()
        (folder / name).write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])

    return plant


def append(name: str, content: bytes) -> Fault:
    def plant(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(content)

    return plant


def flip(folder: Path) -> None:
    content = bytearray((folder / ADAPTER_WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / ADAPTER_WEIGHTS).write_bytes(content)


def reseal(folder: Path) -> None:
    """Make the hashes right again, so that only what they cover can be wrong."""
    found = json.loads((folder / MANIFEST).read_text())
    names = [file["path"] for file in found.pop("files")]
    seal(folder, Origin(**found), names)


def remark(folder: Path) -> None:
    write_json(folder / MARKER, {"manifest_sha256": sha256_of(folder / MANIFEST)})


HASHES: list[tuple[Fault, str]] = [
    (lambda folder: (folder / MARKER).unlink(), r"_SUCCESS.json: expected in .* No such file"),
    (lambda folder: (folder / MANIFEST).unlink(), "manifest.json: expected in .* No such file"),
    (lambda folder: (folder / MARKER).write_text("{"), "_SUCCESS.json: is not JSON"),
    (lambda folder: (folder / MARKER).write_text("[]"), "_SUCCESS.json: is not a JSON object"),
    (edit(MANIFEST, seed=9), "manifest.json: expected sha256 [0-9a-f]{64} by _SUCCESS.json, found [0-9a-f]{64}"),
    (lambda folder: (folder / ADAPTER_CONFIG).unlink(), r"adapter_config.json: expected \d+ bytes, found no file"),
    (append(ADAPTER_WEIGHTS, b"x"), r"adapter_model.safetensors: expected \d+ bytes, found \d+"),
    (flip, "adapter_model.safetensors: expected sha256 [0-9a-f]{64}, found [0-9a-f]{64}"),
    (lambda folder: (folder / "other.safetensors").touch(), "other.safetensors: expected only files"),
]

MANIFESTS: list[tuple[Fault, str]] = [
    (edit(MANIFEST, kind="onnx"), "manifest.json: expected kind"),
    (edit(MANIFEST, files=[]), "manifest.json: expected a list of at least one file"),
    (edit(MANIFEST, validation_loss="low"), "manifest.json: expected validation_loss to be a number or null"),
    (edit(MANIFEST, files=[{"path": "../x", "sha256": "", "bytes": 0}]), "expected path inside the folder"),
    (edit(MANIFEST, kind="hf"), "config.json: expected in the manifest of a model of kind hf"),
]

CONTENTS: list[tuple[Fault, str]] = [
    (tensors(ADAPTER_WEIGHTS, lambda t: t.pop(B)), "up_proj.lora_A.weight has no partner"),
    (tensors(ADAPTER_WEIGHTS, lambda t: t.pop(A)), "up_proj.lora_B.weight has no partner"),
    (
        tensors(ADAPTER_WEIGHTS, lambda t: (t.pop(A), t.pop(B))),
        r"up_proj.lora_A.weight is missing, expected .*\[2, 16\]",
    ),
    (tensors(ADAPTER_WEIGHTS, lambda t: t.update(extra=np.ones(2))), "tensor extra has no partner"),
    (tensors(ADAPTER_WEIGHTS, lambda t: t[A].fill(np.nan)), "up_proj.lora_A.weight: expected finite numbers"),
    (edit(ADAPTER_CONFIG, r=4), r"lora_A.weight: expected shape \[4, 16\], found \[2, 16\]"),
    (edit(ADAPTER_CONFIG, r=0), "expected r to be a positive integer, found 0"),
    (edit(ADAPTER_CONFIG, lora_alpha=None), "expected lora_alpha to be a positive number, found None"),
    (edit(ADAPTER_CONFIG, base_model_name_or_path=""), "expected base_model_name_or_path"),
    (edit(ADAPTER_CONFIG, target_modules=["c_attn"]), "target module 'c_attn' is not in the base model"),
    (edit(ADAPTER_CONFIG, target_modules=["q_proj"]), "down_proj.lora_A.weight is not part of the configured model"),
    (lambda folder: (folder / ADAPTER_CONFIG).write_text("nope"), "adapter_config.json: is not JSON"),
    (
        edit(f"base/{CONFIG}", hidden_size=32),
        "expected intermediate_size to be 96, found 48",
    ),
    (edit(f"base/{CONFIG}", num_hidden_layers=2), r"layers.1.self_attn.q_proj.weight is missing"),
    (edit(f"base/{CONFIG}", num_hidden_layers=0), "expected sizes to be positive integers, found 0"),
    (edit(f"base/{CONFIG}", rope_theta=5e5), "expected rope_theta to be 10000.0, found 500000.0"),
    (tensors(f"base/{WEIGHTS}", lambda t: t.pop("lm_head.weight")), "lm_head.weight is missing"),
    (tensors(f"base/{WEIGHTS}", lambda t: t.update(odd=np.ones(1))), "tensor odd is not part of"),
    (header(lambda h: h[A].update(dtype="BF16")), "lora_A.weight: expected dtype F32, found BF16"),
    (header(lambda h: h[A].update(shape=[3, 16])), r"lora_A.weight: expected 192 bytes for shape \[3, 16\], found 128"),
    (header(lambda h: h[A].pop("data_offsets")), "lora_A.weight has no data_offsets"),
    (header(lambda h: h[A].pop("shape")), "lora_A.weight has no dtype and shape"),
    (header(lambda h: (h.pop(A), h.pop(B))), r"expected to begin at byte \d+, found \d+"),
    (append(ADAPTER_WEIGHTS, b"xxxx"), r"expected \d+ bytes by its header, found \d+"),
    (lambda folder: (folder / ADAPTER_WEIGHTS).write_bytes(b"\xff" * 20), "does not fit in a file of 20 bytes"),
    (lambda folder: (folder / ADAPTER_WEIGHTS).write_bytes(struct.pack("<Q", 2) + b"[]"), "not a JSON object"),
]


@pytest.mark.parametrize("mode", ["lora", "full"])
def test_a_finished_model_is_whole(mode, model):
    folder = model(mode)
    verified = verify(folder)
    assert verified.sealed.manifest_sha256 == sha256_of(folder / MANIFEST)
    assert verified.tensors == {"lora": 12 + 14, "full": 12}[mode]
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in {MANIFEST, MARKER}]
    assert verified.bytes == sum(path.stat().st_size for path in files)


@pytest.mark.parametrize(("plant", "said"), HASHES)
def test_a_changed_file_breaks_the_seal(model, plant, said):
    folder = model("lora")
    plant(folder)
    with pytest.raises(Failure, match=said) as caught:
        verify(folder)
    assert caught.value.code == "not-whole"


@pytest.mark.parametrize(("plant", "said"), MANIFESTS)
def test_a_manifest_that_makes_no_sense_is_refused_though_its_hash_is_right(model, plant, said):
    folder = model("lora")
    plant(folder)
    remark(folder)
    with pytest.raises(Failure, match=said):
        verify(folder)


@pytest.mark.parametrize(("plant", "said"), CONTENTS)
def test_contents_that_contradict_each_other_are_refused_though_all_hashes_are_right(model, plant, said):
    folder = model("lora")
    plant(folder)
    reseal(folder)
    with pytest.raises(Failure, match=said) as caught:
        verify(folder)
    assert caught.value.code == "bad-model-file"


def test_sealing_again_what_was_not_changed_is_whole(model):
    folder = model("lora")
    reseal(folder)
    assert verify(folder).tensors == 26

"""What was promoted: a whole checkpoint is opened, a broken one is refused naming the file or tensor."""

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import anycrc
import pytest
from dropforge.domain.checkpoint_shapes import folders
from dropforge.domain.checkpoint_shapes.seal import MANIFEST, MARKER
from dropforge.domain.checkpoints import Checkpoint
from dropforge.domain.promotions import is_finished, verify
from dropforge.errors import WorkloadFailed

ADAPTER, CONFIG, FULL, INDEX = (
    "adapter_model.safetensors",
    "adapter_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
)
LAYER = "model.layers.0.self_attn.q_proj"
Tensors = dict[str, tuple[str, list[int], bytes]]
PAIR: Tensors = {
    f"{LAYER}.lora_A.weight": ("F32", [2, 3], bytes(24)),
    f"{LAYER}.lora_B.weight": ("F32", [3, 2], bytes(24)),
}
WEIGHTS: Tensors = {"a": ("BF16", [2, 2], bytes(8)), "b": ("F32", [], bytes(4))}


def safetensors(tensors: Tensors) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
    return with_header(header, b"".join(content for _, _, content in tensors.values()))


def with_header(header: object, content: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


def crc(content: bytes) -> str:
    found: int = anycrc.Model("CRC64-NVME").calc(content)
    return base64.b64encode(found.to_bytes(8, "big")).decode()


class Folder:
    """A checkpoint in memory, sealed the way the trainer seals one on disk."""

    def __init__(self, kind: str, files: dict[str, bytes]) -> None:
        self.files = dict(files)
        self.manifest: dict[str, Any] = {
            "kind": kind,
            "step": 60,
            "base": "acme/tiny",
            "loss_before": 2.5,
            "loss_after": 0.5,
        }
        self.listed = sorted(files)

    def seal(self) -> None:
        lines = [
            {
                "path": p,
                "bytes": len(self.files[p]),
                "sha256": hashlib.sha256(self.files[p]).hexdigest(),
                "crc64nvme": crc(self.files[p]),
            }
            for p in self.listed
        ]
        self.files[MANIFEST] = json.dumps({**self.manifest, "files": lines}).encode()
        self.files[MARKER] = json.dumps({"manifest_sha256": self.digest}).encode()

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.files[MANIFEST]).hexdigest()

    def verify(self, expected: str = "", crcs: Mapping[str, str] = MappingProxyType({})) -> Checkpoint:
        found = hashlib.sha256(self.files.get(MANIFEST, b"")).hexdigest()
        return verify("s3://m/x/", self.as_folder(), expected or found, crcs)

    def as_folder(self, reads: list[int] | None = None) -> folders.Folder:
        def read(path: str, at: int, length: int) -> bytes:
            if reads is not None:
                reads.append(length)
            return self.files[path][at : at + length]

        return folders.Folder({path: len(content) for path, content in self.files.items()}, read)


def adapter() -> Folder:
    config = {"r": 2, "base_model_name_or_path": "acme/tiny", "target_modules": ["q_proj"], "lora_alpha": 4}
    return Folder("peft", {ADAPTER: safetensors(PAIR), CONFIG: json.dumps(config).encode()})


def full() -> Folder:
    return Folder("hf", {FULL: safetensors(WEIGHTS), "config.json": b'{"model_type": "llama"}'})


def sharded() -> Folder:
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    shards = {file: safetensors({name: WEIGHTS[name]}) for name, file in names.items()}
    return Folder(
        "hf", {**shards, "config.json": b'{"model_type": "llama"}', INDEX: json.dumps({"weight_map": names}).encode()}
    )


def sealed(folder: Folder) -> Folder:
    folder.seal()
    return folder


@pytest.mark.parametrize(("make", "kind"), [(adapter, "peft"), (full, "hf"), (sharded, "hf")])
def test_a_whole_checkpoint_is_opened_and_counted(make: Callable[[], Folder], kind: str) -> None:
    folder = sealed(make())
    found = folder.verify()
    assert (found.kind, found.tensors, found.files) == (kind, 2, len(folder.listed))
    assert found.bytes == sum(len(folder.files[path]) for path in folder.listed)
    assert (found.digest, found.base_model) == (folder.digest, "acme/tiny")
    assert (found.loss_before, found.loss_after) == (2.5, 0.5)


def test_a_base_model_beside_an_adapter_is_opened_and_counted() -> None:
    folder = change(adapter, "base/model.safetensors", safetensors(WEIGHTS))
    assert folder.verify().tensors == 4


def test_files_beside_the_weights_may_lie_unlisted() -> None:
    folder = sealed(adapter())
    folder.files["loss.jsonl"] = b"{}"
    assert folder.verify().files == 2


def test_the_digest_that_the_verify_job_read_must_be_the_one_that_arrived() -> None:
    folder = sealed(adapter())
    assert folder.verify(folder.digest).digest == folder.digest
    with pytest.raises(WorkloadFailed, match="verify job read 000000000000"):
        folder.verify("0" * 64)


def test_the_crc_that_s3_has_of_a_file_must_be_the_one_that_the_trainer_computed() -> None:
    folder = sealed(adapter())
    assert folder.verify().compared == 0
    assert folder.verify(crcs={ADAPTER: crc(folder.files[ADAPTER]), MARKER: "x"}).compared == 1
    with pytest.raises(WorkloadFailed) as raised:
        folder.verify(crcs={ADAPTER: crc(b"other bytes, as many")})
    assert raised.value.failure.evidence == {"file": ADAPTER}


def test_a_manifest_without_a_crc_is_compared_by_sizes() -> None:
    folder = sealed(adapter())
    manifest = json.loads(folder.files[MANIFEST])
    for line in manifest["files"]:
        del line["crc64nvme"]
    folder.files[MANIFEST] = json.dumps(manifest).encode()
    assert folder.verify(crcs={ADAPTER: crc(b"")}).compared == 0


def test_a_promotion_has_come_to_its_end_when_its_marker_names_its_manifest() -> None:
    folder = sealed(adapter())
    assert is_finished(folder.as_folder(), folder.digest)
    assert not is_finished(folder.as_folder(), "0" * 64)
    for marker in (None, b"done", b"[]", b'{"manifest_sha256": "0"}'):
        assert not is_finished(damage(adapter, MARKER, marker).as_folder(), folder.digest)


def change(make: Callable[[], Folder], path: str, content: object) -> Folder:
    """A checkpoint that was sealed with this content: the fault is in the file itself."""
    folder = make()
    folder.listed = sorted({*folder.listed, path})
    folder.files[path] = content if isinstance(content, bytes) else json.dumps(content).encode()
    return sealed(folder)


def damage(make: Callable[[], Folder], path: str, content: bytes | None) -> Folder:
    """A checkpoint that was sealed and then lost or changed a file."""
    folder = sealed(make())
    if content is None:
        del folder.files[path]
    else:
        folder.files[path] = content
    return folder


def listing(make: Callable[[], Folder], *without: str, **manifest: object) -> Folder:
    folder = make()
    folder.listed = [path for path in folder.listed if path not in without]
    folder.manifest |= manifest
    return sealed(folder)


def adapter_with(tensors: Tensors) -> Folder:
    return change(adapter, ADAPTER, safetensors(tensors))


def config_with(**fields: object) -> Folder:
    config = {"r": 2, "base_model_name_or_path": "acme/tiny", "target_modules": ["q_proj"]}
    return change(adapter, CONFIG, {**config, **fields})


def header_with(content: bytes = b"", **fields: object) -> Folder:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **fields}
    return change(full, FULL, with_header({"w": entry}, content or bytes(4)))


A, B = PAIR
FAULTS = {
    "the manifest is missing": (damage(adapter, MANIFEST, None), "`manifest.json`: it is missing"),
    "the manifest is another's": (damage(adapter, MANIFEST, b"{}"), "`manifest.json`: it cannot be read"),
    "the manifest is not JSON": (damage(adapter, MANIFEST, b"done"), "`manifest.json`: it is not JSON"),
    "a listed file is missing": (
        damage(adapter, ADAPTER, None),
        f"`{ADAPTER}`: manifest.json lists it, and it is missing",
    ),
    "a listed file is cut short": (damage(adapter, ADAPTER, b"x" * 10), "has 10 bytes, manifest.json says"),
    "weights beside it are damaged": (change(adapter, "base/model.safetensors", b"x"), "`base/model.safetensors`: "),
    "weights are pickled": (change(full, "model.bin", b"x"), "is pickled"),
    "pickled weights lie unlisted": (damage(adapter, "extra.bin", b"x"), "`extra.bin`: it is not listed"),
    "weights lie unlisted": (damage(adapter, "extra.safetensors", b"x"), "`extra.safetensors`: it is not listed"),
    "the manifest lists no weights": (listing(adapter, ADAPTER), "`adapter_model.safetensors`: it is not listed"),
    "the kind is unknown": (listing(adapter, kind="gguf"), "it is of a model of kind `gguf`"),
    "the loss is not a number": (listing(adapter, loss_after=float("nan")), "`manifest.json`: it is not JSON"),
    "the configuration is unlisted": (listing(adapter, CONFIG), f"`{CONFIG}`: it is missing"),
    "the file is too short for a header": (change(full, FULL, b"1234567"), "too short for safetensors"),
    "the header is longer than the file": (change(full, FULL, struct.pack("<Q", 99) + b"{}"), "claims 99 bytes"),
    "the header is not JSON": (change(full, FULL, with_header(b"{nope", b"")), "is not JSON"),
    "the header is nested without end": (change(full, FULL, with_header(b"[" * 100_000, b"")), "is not a JSON object"),
    "an entry lacks its shape": (change(full, FULL, with_header({"w": {"dtype": "F32"}}, b"")), "entry cannot be read"),
    "the type is unknown": (header_with(dtype="F12"), "unknown type F12"),
    "a shape is negative": (header_with(shape=[-1, -1]), "entry cannot be read"),
    "a tensor is larger than its place": (header_with(shape=[2]), "lies at 0-4, expected 0-8"),
    "a tensor begins late": (header_with(b"12345678", data_offsets=[4, 8]), "lies at 4-8, expected 0-4"),
    "bytes are left over": (header_with(b"123456"), "tensors end at 4, the file at 6"),
    "the last tensor is cut": (header_with(b"12"), "tensors end at 4, the file at 2"),
    "an adapter holds no tensor": (adapter_with({}), "holds no tensor"),
    "half of a pair is missing": (adapter_with({A: PAIR[A]}), f"tensor `{A}` has no `{B}`"),
    "a rank differs": (
        adapter_with({A: ("F32", [4, 3], bytes(48)), B: PAIR[B]}),
        f"`{A}` has rank 4, adapter_config.json says 2",
    ),
    "a vector is no factor": (adapter_with({A: ("F32", [2], bytes(8)), B: PAIR[B]}), "has rank 0"),
    "a tensor is not LoRA": (adapter_with({**PAIR, "gate": ("F32", [1], bytes(4))}), "`gate` is not part of a LoRA"),
    "a module is not a target": (config_with(target_modules=["v_proj"]), "belongs to no module"),
    "no base model is named": (config_with(base_model_name_or_path=""), "base_model_name_or_path"),
    "the rank is zero": (config_with(r=0), "Expected `int` >= 1"),
    "the adapter's configuration is not JSON": (change(adapter, CONFIG, b"r: 2"), f"`{CONFIG}`: it is not JSON"),
    "the model's configuration is missing": (listing(full, "config.json"), "`config.json`: it is missing"),
    "the model holds no tensor": (change(full, FULL, safetensors({})), "holds no tensor"),
    "the index cannot be read": (change(sharded, INDEX, {"map": {}}), f"`{INDEX}`: it cannot be read"),
    "the index names a tensor elsewhere": (
        change(
            sharded,
            INDEX,
            {"weight_map": {"a": "model-00002-of-00002.safetensors", "b": "model-00001-of-00002.safetensors"}},
        ),
        "lacks tensor `a`",
    ),
    "the index forgets a tensor": (
        change(sharded, INDEX, {"weight_map": {"a": "model-00001-of-00002.safetensors"}}),
        "`model-00002-of-00002.safetensors`",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_checkpoint_is_refused_when(fault: str) -> None:
    folder, why = FAULTS[fault]
    with pytest.raises(WorkloadFailed) as raised:
        folder.verify()
    assert raised.value.failure.code == "CheckpointRejected"
    assert why in raised.value.failure.why
    assert raised.value.failure.evidence["file"]


def test_only_headers_and_small_files_are_read() -> None:
    folder = sealed(change(full, FULL, safetensors({"big": ("U8", [9_000_000], bytes(9_000_000))})))
    read = reads(folder, folder.digest)
    assert sum(read) < 300_000
    assert len(read) == 3  # manifest, configuration, and one stretch of the weights


def test_a_sharded_checkpoint_costs_three_reads_beyond_its_shards() -> None:
    folder = sealed(sharded())
    assert len(reads(folder, folder.digest)) == 2 + 3  # manifest, configuration, index; the listing is one more


def reads(folder: Folder, expected: str) -> list[int]:
    """The bytes of each read of one verification."""
    read: list[int] = []
    verify("s3://m/x/", folder.as_folder(read), expected, {})
    return read

"""Whole checkpoints of every shape, as files in memory: weights by the safetensors library, the rest as the library of the shape lays it out."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from dropforge.domain.checkpoint_shapes.contents import Opened
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.opening import open_checkpoint
from safetensors.numpy import save

from tests.domain.torch_shaped import Arrays, distributed, torch_saved

Files = dict[str, bytes]
LAYER = "base_model.model.model.layers.{}.self_attn.q_proj"
MODEL: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4,
    "num_hidden_layers": 2,
    "vocab_size": 8,
    "_name_or_path": "acme/tiny",
}


def arrays(seed: int = 0) -> dict[str, "np.ndarray[Any, Any]"]:
    random = np.random.default_rng(seed)
    shapes = {
        "model.embed_tokens.weight": (8, 4),
        "model.layers.0.weight": (4, 4),
        "model.layers.1.weight": (6, 4),
        "lm_head.weight": (8, 4),
    }
    return {name: random.random(shape, dtype=np.float32) for name, shape in shapes.items()}


def factors(rank: int = 2) -> dict[str, "np.ndarray[Any, Any]"]:
    made = {}
    for n in range(2):
        made[f"{LAYER.format(n)}.lora_A.weight"] = np.ones((rank, 4), np.float32)
        made[f"{LAYER.format(n)}.lora_B.weight"] = np.ones((3, rank), np.float32)
    return made


def jsons(document: object) -> bytes:
    return json.dumps(document).encode()


def below(prefix: str, files: Mapping[str, bytes]) -> Files:
    return {prefix + path: content for path, content in files.items()}


def adapter(
    rank: int = 2,
    base: str = "acme/tiny",
    write: Callable[[Arrays], bytes] = lambda a: save(dict(a)),
    suffix: str = "safetensors",
) -> Files:
    config = {
        "peft_type": "LORA",
        "r": rank,
        "lora_alpha": 4,
        "base_model_name_or_path": base,
        "target_modules": ["q_proj"],
        "task_type": "CAUSAL_LM",
    }
    return {
        "adapter_config.json": jsons(config),
        f"adapter_model.{suffix}": write(factors(rank)),
        "README.md": b"An adapter.\n",
    }


def beside() -> Files:
    return {
        "config.json": jsons(MODEL),
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b"{}",
        "generation_config.json": b"{}",
    }


def model() -> Files:
    return {**beside(), "model.safetensors": save(arrays(), metadata={"format": "pt"})}


def sharded(
    write: Callable[[Arrays], bytes] = lambda a: save(dict(a)), stem: str = "model", suffix: str = "safetensors"
) -> Files:
    everything = list(arrays().items())
    shards = {
        f"{stem}-0000{n}-of-00002.{suffix}": dict(everything[: 3 if n == 1 else 0] + everything[3 if n == 2 else 9 :])
        for n in (1, 2)
    }
    total = sum(array.nbytes for _, array in everything)
    index = {
        "metadata": {"total_size": total},
        "weight_map": {name: file for file, held in shards.items() for name in held},
    }
    return {
        **beside(),
        **{file: write(held) for file, held in shards.items()},
        f"{stem}.{suffix}.index.json": jsons(index),
    }


def dcp(seed: int = 0, renamed: Mapping[str, str] | None = None) -> Files:
    everything = list(arrays(seed).items())
    return distributed({"__0_0.distcp": dict(everything[:3]), "__1_0.distcp": dict(everything[3:])}, renamed)


def core() -> Files:
    backend = {
        "sharded_backend": "torch_dist",
        "sharded_backend_version": 1,
        "common_backend": "torch",
        "common_backend_version": 1,
    }
    return {**dcp(), "metadata.json": jsons(backend), "common.pt": torch_saved({})}


def nemo() -> Files:
    context = {
        "io.json": jsons({"objects": {}}),
        "model.yaml": b"_target_: x\n",
        "nemo_tokenizer/tokenizer.json": b"{}",
    }
    return {**below("weights/", core()), **below("context/", context)}


def nemo_peft() -> Files:
    return {**nemo(), "weights/adapter_metadata.json": jsons({"model_ckpt_path": "/fsx/base/llama.nemo"})}


def legacy_full() -> Files:
    return below("full/steps_40/", {"config.json": jsons(MODEL), "pytorch_model.bin": torch_saved(arrays())})


def legacy_adapter() -> Files:
    return below("peft_full/steps_40/", {**adapter(), **below("final-model/", model())})


def legacy_sharded() -> Files:
    return {**below("sharded/0.5/tp0_ep0/", dcp()), **below("sharded/0.5/tp1_ep0/", dcp(1))}


def llmft() -> Files:
    return {
        **below("model/checkpoints/hf_merged/", sharded()),
        "training.log": b"step 1\n",
        "model/checkpoints/args.json": b"{}",
    }


def bridge() -> Files:
    config = b"model:\n  hf_model_id: acme/tiny\ncheckpoint:\n  save: /out\n"
    files = {**core(), "run_config.yaml": config, "train_state.pt": torch_saved({}), "tokenizer/tokenizer.json": b"{}"}
    return {
        **below("iter_0000040/", files),
        "latest_train_state.pt": torch_saved({}),
        "latest_checkpointed_iteration.txt": b"40",
    }


def auto_older() -> Files:
    return below("step=40/", {**below("hf_weights/", sharded()), "trainer.pt": b"x", "context/io.json": b"{}"})


def auto_adapter() -> Files:
    return below(
        "epoch_0_step_40/",
        {**below("model/", adapter()), **below("optim/", dcp()), "step_scheduler.pt": b"x", "config.yaml": b"a: 1\n"},
    )


def auto_model() -> Files:
    shard = {"shard-00001-model-00001-of-00001.safetensors": save(arrays())}
    weights = {**below("consolidated/", sharded()), **shard}
    return below("epoch_0_step_40/", {**below("model/", weights), **below("optim/", dcp()), "step_scheduler.pt": b"x"})


def auto_distributed() -> Files:
    return below("epoch_0_step_40/", {**below("model/", dcp()), **below("optim/", dcp(1)), "step_scheduler.pt": b"x"})


GOOD: dict[str, tuple[Callable[[], Files], str, int | None]] = {
    "PEFT adapter": (adapter, "peft", None),
    "PEFT adapter, .bin": (lambda: adapter(write=torch_saved, suffix="bin"), "peft", None),
    "Hugging Face, one file": (model, "hugging-face", None),
    "Hugging Face, shards": (sharded, "hugging-face", None),
    "Hugging Face, .bin shards": (lambda: sharded(torch_saved, "pytorch_model", "bin"), "hugging-face", None),
    "LLMFT output": (llmft, "llmft", None),
    "NeMo 2.0": (nemo, "nemo", None),
    "NeMo 2.0 adapter": (nemo_peft, "nemo-peft", None),
    "legacy NeMo, full": (legacy_full, "nemo-legacy", 40),
    "legacy NeMo, adapter": (legacy_adapter, "nemo-legacy", 40),
    "legacy NeMo, sharded": (legacy_sharded, "nemo-legacy", None),
    "AutoModel in NeMo": (auto_older, "automodel", 40),
    "AutoModel, adapter": (auto_adapter, "automodel", 40),
    "AutoModel, consolidated": (auto_model, "automodel", 40),
    "AutoModel, distributed": (auto_distributed, "automodel", 40),
    "Megatron Bridge": (bridge, "megatron-bridge", 40),
    "PyTorch DCP": (dcp, "torch-dcp", None),
}


def folder(files: Mapping[str, bytes]) -> Folder:
    return Folder({path: len(content) for path, content in files.items()}, lambda path, at, n: files[path][at : at + n])


def opened(files: Mapping[str, bytes]) -> Opened:
    return open_checkpoint("a-place", folder(files))

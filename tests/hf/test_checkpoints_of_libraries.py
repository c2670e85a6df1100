"""Checkpoints that torch, transformers and peft write themselves: each is known and whole to `verify`, and a cut one is refused naming the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

import torch.distributed.checkpoint as dcp  # noqa: E402 - after the skip
from dropforge.domain.checkpoint_shapes.contents import Opened  # noqa: E402
from dropforge.domain.checkpoint_shapes.folders import Folder  # noqa: E402
from dropforge.domain.checkpoint_shapes.opening import open_checkpoint  # noqa: E402
from dropforge.errors import InvalidInput  # noqa: E402


def opened(top: Path) -> Opened:
    def read(path: str, offset: int, length: int) -> bytes:
        with (top / path).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    sizes = {path.relative_to(top).as_posix(): path.stat().st_size for path in top.rglob("*") if path.is_file()}
    return open_checkpoint(str(top), Folder(sizes, read))


def tiny() -> Any:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=260, num_key_value_heads=2, **sizes))
    model.config._name_or_path = model.name_or_path = "acme/tiny"
    return model.to(torch.bfloat16)


def parameters(model: Any) -> int:
    return sum(tensor.numel() for tensor in model.state_dict().values())


def one_file(folder: Path) -> int:
    model = tiny()
    model.save_pretrained(folder)
    return parameters(model)


def shards(folder: Path) -> int:
    model = tiny()
    model.save_pretrained(folder, max_shard_size="20KB")
    return parameters(model)


def torch_file(folder: Path) -> int:
    model = tiny()
    model.config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return parameters(model)


def distributed(folder: Path) -> int:
    model = tiny()
    optimiser = torch.optim.AdamW(model.parameters())
    model(torch.zeros(1, 3, dtype=torch.int64)).logits.sum().backward()
    optimiser.step()
    dcp.save({"model": model.state_dict(), "optimizer": optimiser.state_dict(), "step": 3}, checkpoint_id=folder)
    return parameters(model)


def adapter(**options: Any) -> Callable[[Path], int]:
    def write(folder: Path) -> int:
        config = peft.LoraConfig(**{"r": 8, "target_modules": ["q_proj", "v_proj"], **options})
        model = peft.get_peft_model(tiny(), config)
        model.save_pretrained(folder)
        return sum(tensor.numel() for tensor in peft.get_peft_model_state_dict(model).values())

    return write


def inside_attention(folder: Path) -> int:
    """torch's own attention hides a projection, which peft adapts inside of the module that was named."""
    base = torch.nn.Sequential()
    base.add_module("attn", torch.nn.MultiheadAttention(16, 2))
    model = peft.get_peft_model(base, peft.LoraConfig(r=4, target_modules=["attn"]))
    model.peft_config["default"].base_model_name_or_path = "acme/tiny"
    model.save_pretrained(folder)
    return sum(tensor.numel() for tensor in peft.get_peft_model_state_dict(model).values())


WRITTEN: dict[str, tuple[Callable[[Path], int], str]] = {
    "one file": (one_file, "hugging-face"),
    "shards": (shards, "hugging-face"),
    "torch.save": (torch_file, "hugging-face"),
    "distributed": (distributed, "torch-dcp"),
    "LoRA": (adapter(), "peft"),
    "LoRA on all linears": (adapter(target_modules="all-linear"), "peft"),
    "LoRA of several ranks": (adapter(rank_pattern={"q_proj": 4}), "peft"),
    "LoRA on embeddings": (adapter(target_modules=["embed_tokens", "q_proj"]), "peft"),
    "LoRA with biases": (adapter(bias="lora_only", lora_bias=True), "peft"),
    "LoRA and a whole module": (adapter(modules_to_save=["lm_head"]), "peft"),
    "LoRA inside torch's attention": (inside_attention, "peft"),
    "DoRA": (adapter(use_dora=True), "peft"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_a_library_writes_is_known_and_whole(name: str, tmp_path: Path) -> None:
    write, shape = WRITTEN[name]
    count = write(tmp_path)
    found = opened(tmp_path)
    assert (found.shape, found.parameters, found.passed_over) == (shape, count, ())
    assert set(found.dtypes) <= {"BF16", "F32"}


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("cut", [1, 100])
def test_what_a_library_wrote_and_lost_its_end_is_refused_naming_the_file(name: str, cut: int, tmp_path: Path) -> None:
    WRITTEN[name][0](tmp_path)
    weights = sorted(path for path in tmp_path.iterdir() if path.suffix in (".safetensors", ".bin", ".distcp"))
    assert weights
    for path in weights:
        whole = path.read_bytes()
        path.write_bytes(whole[:-cut])
        with pytest.raises(InvalidInput) as raised:
            opened(tmp_path)
        assert raised.value.failure.evidence["file"] == path.name
        path.write_bytes(whole)


def test_a_description_left_from_another_save_is_refused(tmp_path: Path) -> None:
    distributed(tmp_path)
    before = (tmp_path / ".metadata").read_bytes()
    dcp.save({"model": {"w": torch.zeros(10)}}, checkpoint_id=tmp_path)
    (tmp_path / ".metadata").write_bytes(before)
    with pytest.raises(InvalidInput) as raised:
        opened(tmp_path)
    assert raised.value.failure.evidence["file"] == "__0_0.distcp"

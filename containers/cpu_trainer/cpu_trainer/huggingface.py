"""Models as Hugging Face lays them out: `config.json` + `model.safetensors`, and PEFT's pair for an adapter.

An adapter's folder carries its base in `base/`, so that a promoted prefix can be loaded by itself. Reading checks every
tensor against the configuration, because a promoted model is read by programs that would only complain much later.
"""

import json
from pathlib import Path

from . import safetensors
from .files import write_json
from .layers import NORM_EPSILON, ROPE_THETA, Array
from .lora import adapted_layers
from .model import PROJECTIONS, Adapter, Config, Model
from .safetensors import broken
from .tokens import BOS, EOS, PAD

CONFIG, WEIGHTS = "config.json", "model.safetensors"
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
BASE_FOLDER = "base"
PEFT_PREFIX = "base_model.model."  # PEFT wraps the model twice and keeps both wrappers in the names
POSITIONS = 512

Shapes = dict[str, tuple[int, ...]]


def write_model(folder: Path, model: Model) -> list[str]:
    """Write a model without its adapter and return the names of the files."""
    safetensors.write(folder / WEIGHTS, model.weights)
    write_json(folder / CONFIG, _config_json(model.config))
    return [CONFIG, WEIGHTS]


def write_adapter(folder: Path, adapter: Adapter, base_name: str) -> list[str]:
    """Write an adapter in PEFT's form and return the names of the files."""
    safetensors.write(folder / ADAPTER_WEIGHTS, {PEFT_PREFIX + name: x for name, x in adapter.weights.items()})
    write_json(folder / ADAPTER_CONFIG, _adapter_json(adapter, base_name))
    return [ADAPTER_CONFIG, ADAPTER_WEIGHTS]


def load(folder: Path) -> Model:
    """Read a full model, or an adapter with its base. Fails naming the file or tensor that is not as it should be."""
    if (folder / ADAPTER_CONFIG).exists() or not (folder / CONFIG).exists():
        return _load_adapted(folder)
    return _load_full(folder)


def _config_json(config: Config) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocabulary,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "hidden_act": "silu",
        "rms_norm_eps": NORM_EPSILON,
        "rope_theta": ROPE_THETA,
        "max_position_embeddings": POSITIONS,
        "tie_word_embeddings": False,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PAD,
        "torch_dtype": "float32",
    }


def _adapter_json(adapter: Adapter, base_name: str) -> dict[str, object]:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_name,
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "inference_mode": True,
        "target_modules": sorted(PROJECTIONS),
    }


def _load_full(folder: Path) -> Model:
    config = _read_config(folder / CONFIG)
    path = folder / WEIGHTS
    weights = safetensors.read(path)
    _compare(path, weights, config.shapes())
    return Model(config, weights)


def _load_adapted(folder: Path) -> Model:
    path = folder / ADAPTER_CONFIG
    settings = _read_object(path)
    base = _load_full(folder / BASE_FOLDER)
    rank, alpha, targets = (settings.get(key) for key in ("r", "lora_alpha", "target_modules"))
    if not isinstance(rank, int) or rank < 1:
        raise broken(path, f"expected r to be a positive integer, found {rank!r}")
    if not isinstance(alpha, int | float) or alpha <= 0:
        raise broken(path, f"expected lora_alpha to be a positive number, found {alpha!r}")
    if not settings.get("base_model_name_or_path"):
        raise broken(path, "expected base_model_name_or_path, found none")
    layers = _targeted(path, base.config, targets)
    weights = _read_pairs(folder / ADAPTER_WEIGHTS)
    _compare(folder / ADAPTER_WEIGHTS, weights, _pair_shapes(layers, rank))
    return Model(base.config, base.weights, Adapter(rank, float(alpha), weights))


def _targeted(path: Path, config: Config, targets: object) -> dict[str, tuple[int, int]]:
    """Return the layers that `target_modules` names, with their (outputs, inputs)."""
    if not isinstance(targets, list) or not targets:
        raise broken(path, f"expected target_modules to be a list of names, found {targets!r}")
    known = adapted_layers(config)
    for target in targets:
        if not any(layer.rpartition(".")[2] == target for layer in known):
            raise broken(path, f"target module {target!r} is not in the base model, which has {', '.join(PROJECTIONS)}")
    return {layer: shape for layer, shape in known.items() if layer.rpartition(".")[2] in targets}


def _read_pairs(path: Path) -> dict[str, Array]:
    """Return adapter tensors by our names. Every lora_A must have its lora_B, and the other way round."""
    tensors = safetensors.read(path)
    for name in tensors:
        partner = name.replace(".lora_A.", ".lora_?.").replace(".lora_B.", ".lora_A.").replace(".lora_?.", ".lora_B.")
        if partner == name or partner not in tensors:
            raise broken(path, f"tensor {name} has no partner; expected lora_A and lora_B of every layer")
    return {name.removeprefix(PEFT_PREFIX): tensor for name, tensor in tensors.items()}


def _pair_shapes(layers: dict[str, tuple[int, int]], rank: int) -> Shapes:
    shapes: Shapes = {}
    for name, (outputs, inputs) in layers.items():
        shapes |= {f"{name}.lora_A.weight": (rank, inputs), f"{name}.lora_B.weight": (outputs, rank)}
    return shapes


def _compare(path: Path, tensors: dict[str, Array], expected: Shapes) -> None:
    for name, shape in expected.items():
        if name not in tensors:
            raise broken(path, f"tensor {name} is missing, expected shape {list(shape)}")
        if tensors[name].shape != shape:
            raise broken(path, f"tensor {name}: expected shape {list(shape)}, found {list(tensors[name].shape)}")
    if extra := sorted(tensors.keys() - expected.keys()):
        raise broken(path, f"tensor {extra[0]} is not part of the configured model")


def _read_config(path: Path) -> Config:
    found = _read_object(path)
    sizes = [found.get(key) for key in ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")]
    hidden, layers, heads, vocabulary = (_size(path, size) for size in sizes)
    config = Config(hidden, layers, heads, vocabulary)
    for key, expected in _config_json(config).items():
        if found.get(key) != expected:
            raise broken(path, f"expected {key} to be {expected!r}, found {found.get(key)!r}")
    return config


def _size(path: Path, value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise broken(path, f"expected sizes to be positive integers, found {value!r}")
    return value


def _read_object(path: Path) -> dict[str, object]:
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise broken(path, f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise broken(path, f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise broken(path, "is not a JSON object")
    return value

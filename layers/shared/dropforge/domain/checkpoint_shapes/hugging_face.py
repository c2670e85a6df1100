"""Whole models as Hugging Face's transformers write them: `config.json`, weights in one file or in shards with an index, a tokenizer."""

from dropforge.domain.checkpoint_shapes.contents import Contents
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import shown
from dropforge.domain.checkpoint_shapes.shape import Shape, where
from dropforge.domain.checkpoint_shapes.sharding import read_weights

CONFIG = "config.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
SMALL = (*TOKENIZERS, "tokenizer_config.json", "generation_config.json", "special_tokens_map.json", "merges.txt")
COMMON = ("model_type", "hidden_size", "num_hidden_layers", "vocab_size")


def check(folder: Folder) -> Contents:
    """Check a model: configuration, weights, and that no small file is empty. Raises NotWhole."""
    config = folder.read_json(CONFIG)
    if not config:
        raise folder.broken(CONFIG, "it says nothing.")
    for name in SMALL:
        if name in folder.sizes:
            folder.require(name)
    weights = read_weights(folder, stem_of(folder))
    has_tokenizer = any(name in folder.sizes for name in TOKENIZERS)
    remarks = () if has_tokenizer else ("It has no tokenizer beside it; who serves it must bring one.",)
    base = config.get("_name_or_path")
    return weights.contents._replace(base_model=shown(base) if isinstance(base, str) else "", remarks=remarks)


def stem_of(folder: Folder) -> str:
    """Return what the weights' files are called: torch.save's have a name of their own."""
    names = folder.here()
    has_torch = any(name.startswith("pytorch_model") for name in names)
    has_safetensors = any(name.startswith("model") and ".safetensors" in name for name in names)
    return "pytorch_model" if has_torch and not has_safetensors else "model"


def mark(folder: Folder) -> object:
    """What the models of one run have in common: the architecture's measures."""
    config = folder.read_json(CONFIG)
    return tuple(str(config.get(key)) for key in COMMON)


SHAPE = Shape(
    "hugging-face",
    "a whole model as transformers writes it",
    where(
        r"(?:model|pytorch_model)(?:-\d+-of-\d+)?\.(?:safetensors|bin)",
        r"(?:model|pytorch_model)\.(?:safetensors|bin)\.index\.json",
    ),
    check,
    mark,
    traces=where(r"generation_config\.json", r"tokenizer_config\.json"),
    rank=1,
)

"""Adapters as the PEFT library writes them: `adapter_config.json` and `adapter_model.safetensors` (or `.bin`)."""

from typing import Annotated

import msgspec

from dropforge.domain.checkpoint_shapes.contents import Contents, Tensor
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.refusals import shown
from dropforge.domain.checkpoint_shapes.shape import Shape, where
from dropforge.domain.checkpoint_shapes.sharding import read_weights

CONFIG, STEM = "adapter_config.json", "adapter_model"
FACTORS = (("lora_A.", "lora_B."), ("lora_embedding_A", "lora_embedding_B"))
Tensors = dict[str, Tensor]
Positive = Annotated[int, msgspec.Meta(gt=0)]


class Config(msgspec.Struct, frozen=True):
    """The part of PEFT's configuration that says what the tensors must be."""

    base_model_name_or_path: Annotated[str, msgspec.Meta(min_length=1)]
    peft_type: str = "LORA"
    r: Positive | None = None
    rank_pattern: dict[str, Positive] | None = None
    target_modules: list[str] | str | None = None
    modules_to_save: list[str] | None = None
    target_parameters: list[str] | None = None

    def targets(self, name: str) -> bool:
        """Whether a tensor belongs to a module that was adapted; a pattern, and parameters of experts, allow any."""
        if not isinstance(self.target_modules, list) or self.target_parameters:
            return True
        adapted, _, _ = name.partition(".lora_")
        module, _, _ = adapted.partition(".base_layer.")  # an attention's own projection is adapted inside of it
        return any(module == target or module.endswith(f".{target}") for target in self.target_modules)

    def allows(self, rank: int) -> bool:
        """Whether a factor may have this rank; of parameters of experts all factors lie in one tensor."""
        known = {self.r, *(self.rank_pattern or {}).values()}
        return rank in known or bool(self.target_parameters and self.r and rank and rank % self.r == 0)


def check(folder: Folder) -> Contents:
    """Check an adapter: configuration, file, every factor with its partner and its rank. Raises NotWhole."""
    config = read_config(folder)
    weights = read_weights(folder, STEM)
    remarks = []
    if config.peft_type == "LORA":
        for path, tensors in weights.files.items():
            _check_factors(folder, path, tensors, config)
    else:
        remarks.append(
            f"Of an adapter of the type {shown(config.peft_type)} the tensors are counted, not compared with its configuration."
        )
    if config.base_model_name_or_path.startswith(("/", "./", "../")):
        remarks.append(
            "Its base model is a path of the machine that trained it; who serves it must have that model too."
        )
    return weights.contents._replace(base_model=shown(config.base_model_name_or_path), remarks=tuple(remarks))


def read_config(folder: Folder) -> Config:
    """Return the configuration. Raises NotWhole."""
    try:
        config = msgspec.convert(folder.read_json(CONFIG), Config)
    except (msgspec.ValidationError, RecursionError) as error:
        raise folder.broken(CONFIG, f"{shown(error)}.") from error
    if config.peft_type == "LORA" and config.r is None:
        raise folder.broken(CONFIG, "it does not say the rank `r`.")
    return config


def _check_factors(folder: Folder, path: str, tensors: Tensors, config: Config) -> None:
    factors = [name for name in tensors if any(a in name or b in name for a, b in FACTORS)]
    if not factors:
        raise folder.broken(path, "it holds no LoRA tensor.")
    stray = next((name for name in factors if not config.targets(name)), None)
    if stray is not None:
        raise folder.broken(path, f"tensor `{shown(stray)}` belongs to no module of `target_modules`.")
    for name in factors:
        _check_factor(folder, path, name, tensors, config)
    stranger = next((name for name in tensors if name not in factors and not _may_lie_beside(name, config)), None)
    if stranger is not None:
        raise folder.broken(path, f"tensor `{shown(stranger)}` is not part of a LoRA adapter.")


def _check_factor(folder: Folder, path: str, name: str, tensors: Tensors, config: Config) -> None:
    if name.endswith(".bias"):
        return
    partner = _partner(name)
    if partner not in tensors:
        raise folder.broken(path, f"tensor `{shown(name)}` has no `{shown(partner)}`.")
    first = "lora_A." in name or "lora_embedding_A" in name
    shape = tensors[name].shape
    rank = shape[0 if first else 1] if len(shape) >= 2 else 0
    if not config.allows(rank):
        raise folder.broken(path, f"tensor `{shown(name)}` has rank {rank}, adapter_config.json says {config.r}.")


def _partner(name: str) -> str:
    for a, b in FACTORS:
        if a in name:
            return name.replace(a, b)
        if b in name:
            return name.replace(b, a)
    return name


def _may_lie_beside(name: str, config: Config) -> bool:
    """Magnitudes of DoRA, modules that were trained whole, and embeddings of a vocabulary that has grown."""
    modules = config.modules_to_save or []
    return "lora_" in name or any(word in name for word in ("embed", "lm_head", "trainable_tokens", *modules))


def mark(folder: Folder) -> object:
    """What the adapters of one run have in common: base and rank."""
    config = read_config(folder)
    return config.base_model_name_or_path, config.r


SHAPE = Shape(
    "peft",
    "an adapter as PEFT writes it",
    where(r"adapter_config\.json", r"adapter_model[^/]*\.(?:safetensors|bin)(?:\.index\.json)?"),
    check,
    mark,
)

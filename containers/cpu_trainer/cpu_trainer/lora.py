"""Low-rank adapters on all seven projections of every layer.

B starts at zero, so an untrained adapter changes nothing: the loss before training is the base model's own.
"""

import numpy as np

from .layers import Array
from .model import PROJECTIONS, Adapter, Config, Model


def adapt(model: Model, rank: int, alpha: float, random: np.random.Generator) -> Model:
    """Return the model with a fresh adapter: A ~ N(0, 1/rank), B zero."""
    weights: dict[str, Array] = {}
    for name, (outputs, inputs) in adapted_layers(model.config).items():
        weights[f"{name}.lora_A.weight"] = random.normal(0, rank**-0.5, (rank, inputs)).astype(np.float32)
        weights[f"{name}.lora_B.weight"] = np.zeros((outputs, rank), np.float32)
    return Model(model.config, model.weights, Adapter(rank, alpha, weights))


def adapted_layers(config: Config) -> dict[str, tuple[int, int]]:
    """Return the layers that carry a pair, with their (outputs, inputs)."""
    named = {name.removesuffix(".weight"): shape for name, shape in config.shapes().items()}
    return {name: (shape[0], shape[1]) for name, shape in named.items() if name.endswith(PROJECTIONS)}

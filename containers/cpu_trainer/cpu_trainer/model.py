"""A Llama in numpy: its configuration, its first weights, and one pass forward and back.

Weights keep the names of Hugging Face in one dictionary, so that what is trained is what is written, without a table of
translations. LoRA pairs live in a second dictionary under the same names with `.lora_A` and `.lora_B`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from . import layers
from .layers import Array, Ids
from .tokens import VOCABULARY

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
EMBEDDING, FINAL_NORM, HEAD = "model.embed_tokens", "model.norm", "lm_head"
START_DEVIATION = 0.1
Back = Callable[[Array], Array]


@dataclass(frozen=True)
class Config:
    """The shape of a model. `hidden_size` must be an even multiple of `heads` (RoPE pairs the halves of a head)."""

    hidden_size: int = 96
    layers: int = 2
    heads: int = 4
    vocabulary: int = VOCABULARY

    @property
    def intermediate_size(self) -> int:
        """Width of the feed-forward layers."""
        return 3 * self.hidden_size

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return every weight's name and shape, in the order in which they are drawn."""
        d, f, v = self.hidden_size, self.intermediate_size, self.vocabulary
        inner: dict[str, tuple[int, ...]] = {f"self_attn.{x}_proj": (d, d) for x in "qkvo"}
        inner |= {"mlp.gate_proj": (f, d), "mlp.up_proj": (f, d), "mlp.down_proj": (d, f)}
        inner |= {"input_layernorm": (d,), "post_attention_layernorm": (d,)}
        outer: dict[str, tuple[int, ...]] = {EMBEDDING: (v, d), FINAL_NORM: (d,), HEAD: (v, d)}
        blocks = {f"{block(n)}.{name}": shape for n in range(self.layers) for name, shape in inner.items()}
        return {f"{name}.weight": shape for name, shape in (outer | blocks).items()}


@dataclass(frozen=True)
class Adapter:
    """LoRA: A (rank, in) and B (out, rank) for every projection; the layer gains alpha/rank * B A."""

    rank: int
    alpha: float
    weights: dict[str, Array]

    @property
    def scale(self) -> float:
        """The factor of the product."""
        return self.alpha / self.rank


@dataclass(frozen=True)
class Model:
    """Weights by name, with or without an adapter. With one, only the adapter learns."""

    config: Config
    weights: dict[str, Array]
    adapter: Adapter | None = None

    @property
    def trainable(self) -> dict[str, Array]:
        """The arrays that learn; they are changed in place."""
        return self.weights if self.adapter is None else self.adapter.weights


def block(number: int) -> str:
    """Return the name of a layer."""
    return f"model.layers.{number}"


def draw(config: Config, random: np.random.Generator) -> Model:
    """Return a model with fresh float32 weights: norms one, embeddings N(0, 1), the rest N(0, 0.1)."""
    return Model(config, {name: _first(name, shape, random) for name, shape in config.shapes().items()})


def _first(name: str, shape: tuple[int, ...], random: np.random.Generator) -> Array:
    if len(shape) == 1:
        return np.ones(shape, np.float32)
    deviation = 1.0 if name.startswith(EMBEDDING) else START_DEVIATION
    return random.normal(0, deviation, shape).astype(np.float32)


def logits(model: Model, ids: Ids, padding: Ids | None = None) -> Array:
    """Return next-token scores (B, T, V) for `ids` (B, T), of which each row's first `padding` (B) are none of its own."""
    return Pass(model, padding=padding).forward(ids)[0]


def loss_and_gradients(model: Model, ids: Ids, labels: Ids) -> tuple[float, dict[str, Array]]:
    """Return the mean loss of `labels` (B, T) given `ids` (B, T), and its gradient by every trainable array."""
    run = Pass(model)
    scores, backward = run.forward(ids)
    loss, d_scores = layers.cross_entropy(scores, labels)
    backward(d_scores)
    return loss, run.gradients


@dataclass
class Pass:
    """One pass through a model. Holds the gradients, which backward fills in."""

    model: Model
    gradients: dict[str, Array] = field(default_factory=dict)
    padding: Ids | None = None

    def forward(self, ids: Ids) -> tuple[Array, Callable[[Array], None]]:
        """Return scores (B, T, V) and the function that takes their gradient."""
        x: Array = self.model.weights[f"{EMBEDDING}.weight"][ids]
        steps: list[Back] = []
        for number in range(self.model.config.layers):
            for part in (self._attend, self._transform):
                change, back = part(block(number), x)
                x = x + change
                steps.append(partial(_residual, back))
        x, norm_back = self._norm(FINAL_NORM, x)
        scores, head_back = self._project(HEAD, x)
        steps += [norm_back, head_back]
        return scores, partial(self._backward, ids, steps)

    def _backward(self, ids: Ids, steps: list[Back], dy: Array) -> None:
        for step in reversed(steps):
            dy = step(dy)
        if self.model.adapter is None:
            table = f"{EMBEDDING}.weight"
            self.gradients[table] = layers.embedding_gradient(ids, dy, len(self.model.weights[table]))

    def _attend(self, name: str, x: Array) -> tuple[Array, Back]:
        normal, norm_back = self._norm(f"{name}.input_layernorm", x)
        (q, q_back), (k, k_back), (v, v_back) = (self._project(f"{name}.self_attn.{n}_proj", normal) for n in "qkv")
        heads = self.model.config.heads
        mixed, mix_back = layers.attention(
            layers.rotate(_split(q, heads)), layers.rotate(_split(k, heads)), _split(v, heads), self.padding
        )
        y, out_back = self._project(f"{name}.self_attn.o_proj", _join(mixed))

        def backward(dy: Array) -> Array:
            dq, dk, dv = mix_back(_split(out_back(dy), heads))
            dq, dk = layers.rotate(dq, -1), layers.rotate(dk, -1)
            return norm_back(q_back(_join(dq)) + k_back(_join(dk)) + v_back(_join(dv)))

        return y, backward

    def _transform(self, name: str, x: Array) -> tuple[Array, Back]:
        normal, norm_back = self._norm(f"{name}.post_attention_layernorm", x)
        gate, gate_back = self._project(f"{name}.mlp.gate_proj", normal)
        up, up_back = self._project(f"{name}.mlp.up_proj", normal)
        gated, gated_back = layers.swiglu(gate, up)
        y, down_back = self._project(f"{name}.mlp.down_proj", gated)

        def backward(dy: Array) -> Array:
            d_gate, d_up = gated_back(down_back(dy))
            return norm_back(gate_back(d_gate) + up_back(d_up))

        return y, backward

    def _norm(self, name: str, x: Array) -> tuple[Array, Back]:
        y, norm_back = layers.rmsnorm(x, self.model.weights[f"{name}.weight"])

        def backward(dy: Array) -> Array:
            dx, d_gain = norm_back(dy)
            if self.model.adapter is None:
                self.gradients[f"{name}.weight"] = d_gain
            return dx

        return y, backward

    def _project(self, name: str, x: Array) -> tuple[Array, Back]:
        """Apply a linear layer and, where there is one, its LoRA pair."""
        adapter = self.model.adapter
        if adapter is not None and f"{name}.lora_A.weight" in adapter.weights:
            return self._project_adapted(name, x, adapter)
        weight = self.model.weights[f"{name}.weight"]

        def backward(dy: Array) -> Array:
            if adapter is None:
                self.gradients[f"{name}.weight"] = layers.linear_gradient(x, dy)
            return dy @ weight

        return layers.linear(x, weight), backward

    def _project_adapted(self, name: str, x: Array, adapter: Adapter) -> tuple[Array, Back]:
        weight = self.model.weights[f"{name}.weight"]
        down, up = (adapter.weights[f"{name}.lora_{letter}.weight"] for letter in "AB")
        narrow = layers.linear(x, down)

        def backward(dy: Array) -> Array:
            scaled = adapter.scale * dy
            d_narrow = scaled @ up
            self.gradients[f"{name}.lora_B.weight"] = layers.linear_gradient(narrow, scaled)
            self.gradients[f"{name}.lora_A.weight"] = layers.linear_gradient(x, d_narrow)
            return dy @ weight + d_narrow @ down

        return layers.linear(x, weight) + adapter.scale * layers.linear(narrow, up), backward


def _residual(back: Back, dy: Array) -> Array:
    return dy + back(dy)


def _split(x: Array, heads: int) -> Array:
    """(B, T, D) -> (B, H, T, D/H)."""
    rows, length, width = x.shape
    return x.reshape(rows, length, heads, width // heads).swapaxes(1, 2)


def _join(x: Array) -> Array:
    """(B, H, T, D/H) -> (B, T, D)."""
    rows, heads, length, width = x.shape
    return x.swapaxes(1, 2).reshape(rows, length, heads * width)

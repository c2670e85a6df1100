"""The mathematics: each layer returns its output and the function that carries gradients back through it.

Backward is written by hand, not by an autodiff library, so numpy is enough. The precision is that of the inputs:
float32 in training, float64 in the gradient tests. Letters in shapes: B rows, T positions, H heads, D width, V tokens.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .tokens import IGNORED

Array = npt.NDArray[np.floating[Any]]
Ids = npt.NDArray[np.int64]

NORM_EPSILON = 1e-5
ROPE_THETA = 10_000.0
PADDED = -1e9  # added to a score: no weight is left of it, and a row that sees nothing else stays finite


def flat(x: Array) -> Array:
    """View (..., D) as (N, D)."""
    return x.reshape(-1, x.shape[-1])


def linear(x: Array, weight: Array) -> Array:
    """Apply a weight stored (out, in), as PyTorch does, to (..., in)."""
    return x @ weight.T


def linear_gradient(x: Array, dy: Array) -> Array:
    """Return the gradient (out, in) of a weight whose input was (..., in) and whose output gradient is (..., out)."""
    return flat(dy).T @ flat(x)


def rmsnorm(x: Array, gain: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Scale (..., D) to unit mean square, times `gain` (D). Backward: dy -> dx, dgain."""
    scale = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + NORM_EPSILON)
    unit = x * scale

    def backward(dy: Array) -> tuple[Array, Array]:
        d_unit = dy * gain
        dx = scale * (d_unit - unit * (d_unit * unit).mean(-1, keepdims=True))
        return dx, flat(dy * unit).sum(0)

    return unit * gain, backward


def rotate(x: Array, direction: int = 1) -> Array:
    """Rotate positions of (B, H, T, D/H) by RoPE, halves paired as in Hugging Face Llama; direction -1 is backward."""
    half = x.shape[-1] // 2
    frequency = ROPE_THETA ** (-np.arange(half) / half)
    angle = np.outer(np.arange(x.shape[-2]), frequency)
    cosine, sine = np.cos(angle).astype(x.dtype), direction * np.sin(angle).astype(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], -1)


def softmax(scores: Array) -> Array:
    """Return probabilities over the last axis."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    normalised: Array = powers / powers.sum(-1, keepdims=True)
    return normalised


def attention(
    q: Array, k: Array, v: Array, padding: Ids | None = None
) -> tuple[Array, Callable[[Array], tuple[Array, Array, Array]]]:
    """Causal attention over (B, H, T, D/H). Backward: dy -> dq, dk, dv.

    Nobody sees the first `padding` (B) positions of a row but they themselves, whose output means nothing.
    """
    length, width = q.shape[-2:]
    scale = width**-0.5
    unseen = np.triu(np.full((length, length), -np.inf, q.dtype), 1)
    if padding is not None:
        unseen = unseen + np.where(np.arange(length) < padding[:, None], PADDED, 0)[:, None, None].astype(q.dtype)
    weights = softmax(q @ k.swapaxes(-1, -2) * scale + unseen)

    def backward(dy: Array) -> tuple[Array, Array, Array]:
        dv = weights.swapaxes(-1, -2) @ dy
        d_weights = dy @ v.swapaxes(-1, -2)
        d_scores = weights * (d_weights - (d_weights * weights).sum(-1, keepdims=True)) * scale
        return d_scores @ k, d_scores.swapaxes(-1, -2) @ q, dv

    return weights @ v, backward


def swiglu(gate: Array, up: Array) -> tuple[Array, Callable[[Array], tuple[Array, Array]]]:
    """Return silu(gate) * up, elementwise. Backward: dy -> dgate, dup."""
    sigmoid = 1 / (1 + np.exp(-gate))
    silu = gate * sigmoid

    def backward(dy: Array) -> tuple[Array, Array]:
        return dy * up * (sigmoid + silu * (1 - sigmoid)), dy * silu

    return silu * up, backward


def embedding_gradient(ids: Ids, dy: Array, rows: int) -> Array:
    """Return the gradient (V, D) of a table looked up at `ids` (B, T), as a product with one-hot rows."""
    one_hot = np.zeros((ids.size, rows), dy.dtype)
    one_hot[np.arange(ids.size), ids.ravel()] = 1
    return one_hot.T @ flat(dy)


def cross_entropy(logits: Array, labels: Ids) -> tuple[float, Array]:
    """Return the mean loss in nats over the labels (B, T) that count, and its gradient by `logits` (B, T, V)."""
    scores = flat(logits)
    positions = np.flatnonzero(labels.ravel() != IGNORED)
    targets = labels.ravel()[positions]
    chosen = scores[positions]
    peak = chosen.max(-1)
    log_total = peak + np.log(np.exp(chosen - peak[:, None]).sum(-1))
    counted = np.arange(len(positions))
    loss = float((log_total - chosen[counted, targets]).mean())
    d_chosen = np.exp(chosen - log_total[:, None])
    d_chosen[counted, targets] -= 1
    gradient = np.zeros_like(scores)
    gradient[positions] = d_chosen / len(positions)
    return loss, gradient.reshape(logits.shape)


def log_probability(logits: Array, labels: Ids) -> tuple[Array, Callable[[Array], Array]]:
    """Return the log-probability (B) of each row's labels (B, T) that count. Backward: dy (B) -> d_logits (B, T, V)."""
    counted = labels != IGNORED
    targets = np.where(counted, labels, 0)[..., None]
    peak = logits.max(-1, keepdims=True)
    log_total = peak + np.log(np.exp(logits - peak).sum(-1, keepdims=True))
    said = np.take_along_axis(logits - log_total, targets, -1)[..., 0]

    def backward(dy: Array) -> Array:
        d_logits: Array = -np.exp(logits - log_total)
        np.put_along_axis(d_logits, targets, np.take_along_axis(d_logits, targets, -1) + 1, -1)
        d_logits *= (counted * dy[:, None])[..., None]
        return d_logits

    return (said * counted).sum(-1), backward

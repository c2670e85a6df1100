"""AdamW with clipping, and the learning-rate schedule.

Updates happen in place on float32 arrays: no second copy of the weights, and the same sums in the same order each run.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from .layers import Array

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
WEIGHT_DECAY = 0.01
LARGEST_NORM = 1.0
WARM_UP, FLOOR = 0.05, 0.1


def rate_at(step: int, steps: int, peak: float) -> float:
    """Return the rate of step 1..steps: linear over the first twentieth, then a cosine down to a tenth of the peak."""
    warm = max(1, round(WARM_UP * steps))
    if step <= warm:
        return peak * step / warm
    progress = (step - warm) / max(1, steps - warm)
    return peak * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * progress)) / 2)


@dataclass
class AdamW:
    """Moving averages of the gradient and its square for every array that learns."""

    weights: dict[str, Array]
    steps: int = 0
    means: dict[str, Array] = field(default_factory=dict)
    squares: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.means = {name: np.zeros_like(array) for name, array in self.weights.items()}
        self.squares = {name: np.zeros_like(array) for name, array in self.weights.items()}

    def update(self, gradients: dict[str, Array], rate: float) -> float:
        """Take one step in place, unless the gradient is not finite. Return its norm before clipping."""
        norm = math.sqrt(sum(float(np.vdot(gradients[name], gradients[name])) for name in self.weights))
        if not math.isfinite(norm):
            return norm
        self.steps += 1
        shrink = min(1.0, LARGEST_NORM / (norm + 1e-6))
        for name, weight in self.weights.items():
            self._move(name, weight, gradients[name] * shrink, rate)
        return norm

    def _move(self, name: str, weight: Array, gradient: Array, rate: float) -> None:
        mean, square = self.means[name], self.squares[name]
        mean += (1 - BETA_1) * (gradient - mean)
        square += (1 - BETA_2) * (gradient * gradient - square)
        if weight.ndim > 1:  # gains of norms are not decayed: zero is no neutral value for them
            weight *= 1 - rate * WEIGHT_DECAY
        corrected = np.sqrt(square / (1 - BETA_2**self.steps)) + EPSILON
        weight -= rate / (1 - BETA_1**self.steps) * mean / corrected

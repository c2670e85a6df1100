"""EventBridge promises to deliver at least once, at some time, in any order, and loses what it cannot deliver: here it does so on demand.

What happens to a delivery depends on the seed, its rule and target, and its number there, so that a run can be repeated.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Event = Mapping[str, Any]

HELD_BACK_SECONDS = 0.5


@dataclass(frozen=True)
class Disturbance:
    """What may happen to deliveries of the events that `pattern` accepts (all of them without one).

    `drop` and `duplicate` are probabilities; a duplicate arrives twice or three times; `delay` is a range of real seconds. With `reorder`
    every other delivery of a rule is held back until the end of the range (half a second without one): the next one overtakes it.
    """

    pattern: Callable[[dict[str, Any]], bool] | None = None
    drop: float = 0.0
    duplicate: float = 0.0
    delay: tuple[float, float] = (0.0, 0.0)
    reorder: bool = False
    seed: int = 0


class Disturber:
    """Decides how often, and after how many real seconds, an event is delivered to a target of a rule."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._disturbance: Disturbance | None = None
        self._seen: Counter[tuple[str, str]] = Counter()

    def disturb(self, disturbance: Disturbance | None) -> None:
        """Disturb deliveries from now on in this way; None ends it."""
        with self._lock:
            self._disturbance = disturbance
            self._seen.clear()

    def delays(self, rule: str, target: str, event: Event) -> list[float]:
        """Real seconds after which each copy is delivered; empty when the delivery is dropped."""
        with self._lock:
            disturbance = self._disturbance
            if disturbance is None or not (disturbance.pattern is None or disturbance.pattern(dict(event))):
                return [0.0]
            self._seen[rule, target] += 1
            number = self._seen[rule, target]
        return _delays(disturbance, number, random.Random(f"{disturbance.seed} {rule} {target} {number}"))  # noqa: S311 - not a secret


def _delays(disturbance: Disturbance, number: int, chance: random.Random) -> list[float]:
    if chance.random() < disturbance.drop:
        return []
    copies = chance.choice((2, 3)) if chance.random() < disturbance.duplicate else 1
    delays = [chance.uniform(*disturbance.delay) for _ in range(copies)]
    if not disturbance.reorder:
        return delays
    held_back = max(disturbance.delay[1], HELD_BACK_SECONDS) if number % 2 else disturbance.delay[0]
    return [held_back, *delays[1:]]

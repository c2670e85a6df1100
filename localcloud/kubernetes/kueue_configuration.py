"""What of Kueue's manager configuration the local Kueue follows: fair sharing. Everything else in it is refused by name."""

from collections.abc import Mapping
from typing import Any

from localcloud.kubernetes.fair_preemption import FINAL, INITIAL

_SETS = ([FINAL], [INITIAL], [FINAL, INITIAL])
_KNOWN = {"": ("apiVersion", "kind", "fairSharing"), "fairSharing": ("enable", "preemptionStrategies")}


def fair_strategies(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the strategies of fair sharing in their order, none while it is off; ValueError for what is not supported.

    `configuration` is Kueue's own (config.kueue.x-k8s.io), as in its ConfigMap. Without strategies both hold, as in Kueue.
    """
    fair = configuration.get("fairSharing") or {}
    _refuse_unknown(configuration, "")
    _refuse_unknown(fair, "fairSharing")
    strategies = list(fair.get("preemptionStrategies") or [FINAL, INITIAL])
    if strategies not in _SETS:
        allowed = ", ".join(str(one) for one in _SETS)
        raise ValueError(
            f"fairSharing.preemptionStrategies: Unsupported value: {strategies}: supported values: {allowed}"
        )
    return tuple(strategies) if fair.get("enable", False) else ()


def _refuse_unknown(part: Mapping[str, Any], path: str) -> None:
    for key in part:
        if key not in _KNOWN[path]:
            raise ValueError(f"{f'{path}.' if path else ''}{key}: the local Kueue does not support this field")

"""Fits: what is said of a job that wants to be admitted, and what a job asks for."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Literal, NamedTuple

from dropforge.domain.quantities import Amounts, amounts
from dropforge.domain.values import Value

Answer = Literal["now", "later", "never", "unknown"]
ORDER: tuple[Answer, ...] = ("now", "unknown", "later", "never")  # from the best to the worst


class Holder(Value):
    """Who holds what a job would need: a job of the team, or another team's queue."""

    kind: Literal["job", "queue"]
    name: str
    amount: str
    resource: str
    flavor: str


class Fit(Value):
    """Whether a job is admitted, and why. `borrowed` says what of it would be other teams' quota."""

    answer: Answer
    why: str
    flavors: tuple[str, ...] = ()
    borrowed: tuple[str, ...] = ()
    holders: tuple[Holder, ...] = ()


class Need(NamedTuple):
    """What one job asks for, and the labels of the nodes that it wants."""

    amounts: Amounts
    nodes: Mapping[str, str]
    pods: int = 1


def need_of(job: Mapping[str, object]) -> Need:
    """Return what a batch/v1 Job as we render it asks for: all its pods together, a limit standing in for a missing request."""
    spec = _part(job, "spec")
    pod = _part(_part(spec, "template"), "spec")
    asked: Amounts = {}
    containers = pod["containers"]
    assert isinstance(containers, list)  # noqa: S101  our own rendering
    for container in containers:
        resources = container["resources"]
        for name, amount in amounts({**resources["limits"], **resources["requests"]}).items():
            asked[name] = asked.get(name, Fraction(0)) + amount
    pods = int(str(spec["parallelism"]))
    return Need({name: amount * pods for name, amount in asked.items() if amount}, _labels(pod), pods)


def _part(thing: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = thing[key]
    assert isinstance(found, dict)  # noqa: S101  our own rendering
    return found


def _labels(pod: Mapping[str, object]) -> dict[str, str]:
    return {str(key): str(label) for key, label in _part(pod, "nodeSelector").items()}


def worst(fits: Iterable[Fit]) -> Fit:
    """Return the least good of several answers; of equal ones the first."""
    return max(fits, key=lambda fit: ORDER.index(fit.answer))

"""Doing something to many things, each of which has its turn although another one failed."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def each(things: Iterable[Thing], follow: Callable[[Thing], Result]) -> list[Result]:
    """Return what `follow` makes of every thing. Raises ExceptionGroup once all had their turn, when some failed."""
    results: list[Result] = []
    failed: list[Exception] = []
    for thing in things:
        try:
            results.append(follow(thing))
        except Exception as error:  # noqa: BLE001  collected, and raised once everybody has had their turn
            failed.append(error)
    if failed:
        raise ExceptionGroup(f"{len(failed)} of {len(failed) + len(results)} could not be followed", failed)
    return results

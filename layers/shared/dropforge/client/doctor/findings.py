"""One finding, and how a question becomes one."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from botocore.exceptions import ClientError

from dropforge.domain.values import Value

Verdict = Literal["ok", "look", "missing", "unknown"]


class Finding(Value):
    """What is known of one thing: `ok`, `look` (works, but somebody should look), `missing` (runs will fail) or `unknown` (could not be asked)."""

    what: str
    verdict: Verdict
    said: str
    next: str = ""


def ok(what: str, said: str) -> Finding:
    """Return that a thing is as it should be."""
    return Finding(what=what, verdict="ok", said=said)


def look(what: str, said: str, to_do: str) -> Finding:
    """Return that somebody should look at a thing."""
    return Finding(what=what, verdict="look", said=said, next=to_do)


def missing(what: str, said: str, to_do: str) -> Finding:
    """Return that a thing is missing or wrong, and what to do."""
    return Finding(what=what, verdict="missing", said=said, next=to_do)


def expect(what: str, name: str, state: tuple[str, str], to_do: str) -> Finding:
    """Return whether a thing that exists is in the state, the second of `state`, in which it can be used."""
    is_now, wanted = state
    said = f"{name} is {is_now}"
    return ok(what, said) if is_now == wanted else missing(what, said, to_do)


def ask(what: str, question: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield the findings of a question, or that it could not be asked."""
    try:
        yield from question()
    except ClientError as error:
        operation, code = error.operation_name, error.response.get("Error", {}).get("Code", "")
        said = f"{operation} answered {code}."
        yield Finding(what=what, verdict="unknown", said=said, next="Ask again with rights to read it.")


def absent(error: ClientError, *codes: str) -> bool:
    """Whether an error says that the thing asked for does not exist. Raises the error when it says anything else."""
    if error.response.get("Error", {}).get("Code", "") in codes:
        return True
    raise error

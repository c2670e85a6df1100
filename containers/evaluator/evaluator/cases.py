"""Cases: a row of a dataset as what is said before and the answer that is wanted. Which rows are taken depends on their content alone."""

import hashlib
import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cpu_trainer.errors import Failure
from cpu_trainer.rows import lines
from cpu_trainer.staged import Staged, opened

Object = dict[str, object]


@dataclass(frozen=True)
class Call:
    """One call of a function, as it is wanted or as a model made it."""

    name: str
    arguments: Object


@dataclass(frozen=True)
class Message:
    """One message. `raw` is as the row has it, for chat templates; `text` as it is said."""

    role: str
    text: str
    raw: Object = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """What is said before, the answer that is wanted, and, for a row that calls functions, the calls and what may be called."""

    before: tuple[Message, ...]
    answer: Message
    calls: tuple[Call, ...] = ()
    tools: tuple[Object, ...] = ()


@dataclass(frozen=True)
class Sample:
    """The cases that are measured, in the order of their rows' hashes, and the hash of all of them."""

    cases: tuple[Case, ...]
    sha256: str


def sample(files: Sequence[Staged], most: int) -> Sample:
    """Return at most `most` cases: those whose lines have the lowest hashes, so that the same rows are the same sample whatever their order."""
    chosen = heapq.nsmallest(most, _hashed(files))
    digest = hashlib.sha256("".join(sha for sha, _, _ in chosen).encode()).hexdigest()
    return Sample(tuple(_case(line, where) for _, where, line in chosen), digest)


def _hashed(files: Sequence[Staged]) -> Iterator[tuple[str, str, bytes]]:
    for file in files:
        with opened(file) as stream:
            for number, line in lines(file, stream):
                yield hashlib.sha256(line.strip()).hexdigest(), f"{file.name} line {number}", line


def _case(line: bytes, where: str) -> Case:
    try:
        (row,) = _objects([json.loads(line)])
        return case_of(row)
    except (ValueError, KeyError, TypeError) as error:
        cause = f"{where}: {error!r} where a row with an answer was expected"
        raise Failure("bad-row", cause, "correct the row and register the dataset again") from error


def case_of(row: Object) -> Case:
    """Return the case of a row: its first calls of functions or, without any, its last answer; of a preference the chosen answer."""
    if "chosen" in row:
        return _preference(row)
    if "messages" in row:
        return _conversation(row)
    return Case((*_system(row), _message("user", row["prompt"])), _message("assistant", row["completion"]))


def _conversation(row: Object) -> Case:
    messages = _messages(row["messages"])
    tools = tuple(_objects(row.get("tools") or []))
    calling = next((place for place, message in enumerate(messages) if message.raw.get("tool_calls")), None)
    place = len(messages) - 1 if calling is None else calling
    return Case(tuple(messages[:place]), messages[place], calls_of(messages[place].raw), tools)


def _preference(row: Object) -> Case:
    prompt = [*_system(row), *_turns(row.get("prompt"), "user")]
    chosen = _turns(row["chosen"], "assistant")
    own = chosen[len(prompt) :] if chosen[: len(prompt)] == prompt else chosen
    return Case((*prompt, *own[:-1]), own[-1])


def _turns(said: object, role: str) -> list[Message]:
    if said is None:
        return []
    return [_message(role, said)] if isinstance(said, str) else _messages(said)


def _system(row: Object) -> list[Message]:
    return [_message("system", row["system"])] if row.get("system") else []


def _messages(said: object) -> list[Message]:
    found = [Message(str(raw["role"]), _said(raw), raw) for raw in _objects(said)]
    if not found:
        raise ValueError("no messages")
    return found


def _said(raw: Object) -> str:
    """Return a message's text; of one that calls, the calls as JSON, which is what a model without a chat template is asked to write."""
    calls = calls_of(raw)
    if not calls:
        return str(raw.get("content") or "")
    written = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return json.dumps(written[0] if len(written) == 1 else written, ensure_ascii=False)


def calls_of(raw: Object) -> tuple[Call, ...]:
    """Return the calls of a message in the form of chat completions, whose arguments are JSON in a text."""
    functions = [call["function"] for call in _objects(raw.get("tool_calls") or [])]
    return tuple(Call(str(f["name"]), _arguments(f.get("arguments"))) for f in _objects(functions))


def _arguments(given: object) -> Object:
    parsed = json.loads(given) if isinstance(given, str) and given else given or {}
    if not isinstance(parsed, dict):
        raise ValueError("the arguments of a call are no object")
    return parsed


def _message(role: str, text: object) -> Message:
    if not isinstance(text, str) or not text:
        raise ValueError(f"the {role} says nothing")
    return Message(role, text, {"role": role, "content": text})


def _objects(given: object) -> list[Object]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise ValueError("a list of objects was expected")
    return given

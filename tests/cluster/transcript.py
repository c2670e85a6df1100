"""What is written down while a life cycle is played, and how two such accounts are compared.

A line is a few words and values. What cannot be the same twice is taken out of both sides: UIDs, times, suffixes, the order of conditions and of
events. What is left over is a difference, and differences are sets: the same one in ten lines counts once.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

_JSON = json.JSONDecoder()
_VARIES = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}"), "UID"),
    (re.compile(r"20\d\d-\d\d-\d\dT[\d:]+Z"), "TIME"),
    (re.compile(r"\b(job-[a-z0-9]+|pytorchjob-[a-z]+)-[0-9a-f]{5}\b"), r"\1-SUFFIX"),
    (re.compile(r"\b((?:ok|t[12])-\d|bad|sus|dl)-[a-z0-9]{5}\b"), r"\1-SUFFIX"),
    (re.compile(r"was \d+s"), "was Ns"),
    (re.compile(r'(accumulated\w+Seconds": )\d+'), r"\g<1>0"),
    (re.compile(r'"resourceVersion": "\d+"'), '"resourceVersion": "N"'),
)
_EVENTS = re.compile(r"^(--- )?events:?$")
_NOTHING = "(nothing)"


class Difference(NamedTuple):
    """One place where an account of this cluster is not what was recorded; values as JSON."""

    line: str
    field: str
    recorded: str
    here: str


@dataclass
class Transcript:
    """An account in the form of the recordings; `aliases` puts the recorded names in the place of ours."""

    aliases: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def say(self, *parts: Any) -> None:
        """Write one line of words (as they are) and values (as JSON)."""
        words = [part if isinstance(part, str) else json.dumps(part, sort_keys=True) for part in parts]
        self.lines.append(self.recorded(" ".join(words)))

    def show(self, title: str, thing: Any) -> None:
        """Write an object's status, and what else changes with its life."""
        self.say("##", title)
        self.say(thing.get("status"))
        metadata, spec = thing["metadata"], thing["spec"]
        self.say(
            "   labels", metadata.get("labels"), "gen", metadata.get("generation"), "suspend", str(spec.get("suspend"))
        )

    def recorded(self, text: str) -> str:
        """Give a text with the names it would have in the recording."""
        for ours, theirs in self.aliases.items():
            text = text.replace(ours, theirs)
        return text


def differences(recorded: list[str], here: list[str]) -> set[Difference]:
    """Compare two accounts line by line."""
    (old_lines, old_events), (new_lines, new_events) = _read(recorded), _read(here)
    found = {Difference("events", "", event, _NOTHING) for event in old_events - new_events}
    found |= {Difference("events", "", _NOTHING, event) for event in new_events - old_events}
    title = ""
    for old, new in zip_longest(old_lines, new_lines, fillvalue=[_NOTHING]):
        title = _title(old, title)
        lacks = [_NOTHING] in (old, new)  # where one side has no such line, the words before its values will do
        pair = (old[:1], new[:1]) if lacks else (old, new)
        found.update(Difference(title, *where) for where in _compare(*pair, ""))
    return found


def _title(line: list[Any], before: str) -> str:
    word = line[0].strip() if line and isinstance(line[0], str) else ""
    return word if word and word != "labels" else before


def _read(lines: list[str]) -> tuple[list[list[Any]], set[str]]:
    """Give the lines as words and values, and the events after them."""
    whole = [_steady(line) for line in _joined(lines)]
    start = next((n for n, line in enumerate(whole) if _EVENTS.match(line)), len(whole))
    return [_parts(line) for line in whole[:start]], {line.strip() for line in whole[start + 1 :]}


def _joined(lines: list[str]) -> Iterator[str]:
    """Put a value that was printed over many lines into one."""
    text = ""
    for line in lines:
        text = f"{text} {line.strip()}" if text else line.rstrip()
        if text.count("{") <= text.count("}"):
            yield text
            text = ""


def _steady(text: str) -> str:
    for pattern, word in _VARIES:
        text = pattern.sub(word, text)
    return text


def _parts(line: str) -> list[Any]:
    """Split a line into words and values; a value is JSON or a literal of Python."""
    parts: list[Any] = []
    words = ""
    at = 0
    while at < len(line):
        found = _value(line, at) if line[at] in "[{" else None
        if found is None:
            words, at = words + line[at], at + 1
        else:
            value, at = found
            parts += [words.strip(), _sorted(value)] if words.strip() else [_sorted(value)]
            words = ""
    return [*parts, words.strip()] if words.strip() else parts


def _value(line: str, at: int) -> tuple[Any, int] | None:
    try:
        return _JSON.raw_decode(line, at)
    except ValueError:
        ends = (n + 1 for n in range(at, len(line)) if line[n] in "]}")
        return next(((value[0], end) for end in ends if (value := _literal(line[at:end]))), None)


def _literal(text: str) -> tuple[Any] | None:
    try:
        return (ast.literal_eval(text),)
    except (SyntaxError, ValueError):
        return None


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(part) for key, part in value.items()}
    if not isinstance(value, list | tuple):
        return value
    listed = [_sorted(part) for part in value]
    if all(isinstance(part, dict) and "type" in part for part in listed):
        return sorted(listed, key=lambda part: str(part["type"]))
    return (
        sorted(listed)
        if all(isinstance(part, list) and part and isinstance(part[0], str) for part in listed)
        else listed
    )


def _compare(old: Any, new: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _compare(old.get(key, _NOTHING), new.get(key, _NOTHING), f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for a, b in zip(old, new, strict=True):
            yield from _compare(a, b, path)
    elif old != new:
        yield path, _text(old), _text(new)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)

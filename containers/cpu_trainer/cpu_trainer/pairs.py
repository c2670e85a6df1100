"""Rows of preferences: `prompt`, `chosen` and `rejected`, each a text or a list of messages.

Only the answers are compared, never the prompt. An answer may repeat the prompt's messages before its own, as public
preference datasets do; what it repeats is taken for the prompt.
"""

from dataclasses import dataclass

from .rows import Row, TooLongError, messages, system, text, whole
from .tokens import Example, Turn, encode


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt. Only the answers' own tokens have labels."""

    chosen: Example
    rejected: Example


def preference(row: Row, max_length: int) -> Pair:
    """Return the pair of a row. Raises ValueError with the reason when there is none."""
    if missing := [key for key in ("prompt", "chosen", "rejected") if key not in row]:
        raise ValueError(f"'{missing[0]}' is missing; expected 'prompt', 'chosen' and 'rejected'")
    prompt = [*system(row), *_turns(row, "prompt", "user")]
    chosen, rejected = (_answer(row, key, prompt) for key in ("chosen", "rejected"))
    if chosen == rejected:
        raise ValueError("'chosen' and 'rejected' say the same")
    pair = Pair(*(encode(answer, max_length, prompt) for answer in (chosen, rejected)))
    whole(pair.chosen, "'chosen'", max_length)
    whole(pair.rejected, "'rejected'", max_length)
    if pair.chosen == pair.rejected:
        raise TooLongError(f"'chosen' and 'rejected' do not differ within the first {max_length} tokens")
    return pair


def _answer(row: Row, key: str, prompt: list[Turn]) -> list[Turn]:
    turns = _turns(row, key, "assistant")
    if turns[: len(prompt)] == prompt:
        turns = turns[len(prompt) :]
    if not turns or turns[-1].role != "assistant":
        raise ValueError(f"'{key}' does not end with a message of the assistant")
    return turns


def _turns(row: Row, key: str, role: str) -> list[Turn]:
    return messages(row, key) if isinstance(row[key], list) else [Turn(role, text(row, key))]

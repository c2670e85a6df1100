"""Byte-level tokens: 256 bytes, then the marks of a chat.

No vocabulary file is needed and no text is unknown, at the price of longer sequences than a trained tokenizer gives.
A conversation is `BOS (role text EOS)*`; the model is taught only what the assistant says and its EOS.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PAD, BOS, EOS, USER, ASSISTANT, SYSTEM, TOOL = range(256, 263)
VOCABULARY = 264  # one spare row keeps the matrices a multiple of eight
IGNORED = -100  # the label of a position that does not count in the loss, as in PyTorch and transformers
ROLES = {"user": USER, "assistant": ASSISTANT, "system": SYSTEM, "tool": TOOL}


@dataclass(frozen=True)
class Turn:
    """One message of a conversation."""

    role: str
    text: str


@dataclass(frozen=True)
class Example:
    """Token ids of a conversation and, for each of them, the id to learn or IGNORED; both of the same length."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]

    @property
    def has_target(self) -> bool:
        """Whether anything can be learnt: the first id is never predicted, so its label does not count."""
        return any(label != IGNORED for label in self.labels[1:])


def encode(turns: Iterable[Turn], max_length: int, context: Iterable[Turn] = ()) -> Example:
    """Turn a conversation into ids and labels, cut to `max_length`. Nothing is learnt from the turns of `context`."""
    ids, labels = [BOS], [IGNORED]
    for learnt, turn in [*((False, turn) for turn in context), *((True, turn) for turn in turns)]:
        body = [*turn.text.encode("utf-8"), EOS]
        ids += [ROLES[turn.role], *body]
        labels += [IGNORED, *(body if learnt and turn.role == "assistant" else [IGNORED] * len(body))]
    return Example(tuple(ids[:max_length]), tuple(labels[:max_length]))


def encode_prompt(text: str) -> list[int]:
    """Return the ids after which the assistant speaks."""
    return [BOS, USER, *text.encode("utf-8"), EOS, ASSISTANT]


def decode(ids: Sequence[int]) -> str:
    """Return the text of the bytes among `ids`; a cut-off character becomes U+FFFD."""
    return bytes(token for token in ids if token < PAD).decode("utf-8", "replace")

"""The CPU trainer's byte-level tokens. A row becomes the same ids as in training."""

from collections.abc import Sequence

from cpu_trainer.tokens import ASSISTANT, BOS, EOS, PAD, ROLES, decode

from .cases import Case, Message
from .language_models import Encoded, Ids


class ByteTokens:
    """256 bytes and the marks of a chat; there is no file of them that could be missing."""

    pad, end = PAD, EOS

    def encode(self, case: Case) -> Encoded:
        """Return the ids of a case."""
        before = [token for message in case.before for token in _said(message)]
        return Encoded((BOS, *before, ASSISTANT), (*case.answer.text.encode(), EOS))

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of the bytes among `ids`."""
        return decode(ids)


def _said(message: Message) -> Ids:
    return (ROLES[message.role], *message.text.encode(), EOS)

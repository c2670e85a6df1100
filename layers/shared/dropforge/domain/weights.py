"""Good rows, known by one quick look at a whole block: the bytes of their texts and the number of their keys.

The quick look only says yes. Anything unusual, be it a fault, a warning or merely rare, is left to domain/turns.py, one row at a time.
"""

from typing import cast

from dropforge.domain.shapes import (
    ChatRow,
    Message,
    PreferenceChat,
    PreferenceRow,
    PromptRow,
    Row,
    Rows,
    ToolRow,
    key_count,
)

_AFTER_ASSISTANT = frozenset({"user"})
_FIRST = frozenset({"system", "user"})
_AFTER = {"system": frozenset({"user"}), "user": frozenset({"assistant"}), "assistant": _AFTER_ASSISTANT}


def weigh(rows: Rows) -> tuple[list[int], int] | None:
    """Return the UTF-8 bytes of each row's texts and the number of all keys, or None when a row must be looked at by itself."""
    kind = type(rows[0])
    if kind is ChatRow:
        return _chats(cast("list[ChatRow]", rows))
    if kind is PromptRow:
        return _prompts(cast("list[PromptRow]", rows))
    if kind is PreferenceRow:
        return _preferences(cast("list[PreferenceRow]", rows))
    return None


def _chats(rows: list[ChatRow]) -> tuple[list[int], int] | None:
    sizes, keys = [], len(rows)
    for row in rows:
        size, allowed = 0, _FIRST
        for message in row.messages:
            text, role = message.content, message.role
            if role not in allowed or not text or text.isspace():
                return None
            size += len(text) if text.isascii() else len(text.encode())
            allowed = _AFTER[role]
        if allowed is not _AFTER_ASSISTANT:
            return None
        keys += 2 * len(row.messages)
        sizes.append(size)
    return sizes, keys


def _prompts(rows: list[PromptRow]) -> tuple[list[int], int] | None:
    sizes, keys = [], 0
    for row in rows:
        prompt, completion = row.prompt, row.completion
        if not prompt or prompt.isspace() or not completion or completion.isspace():
            return None
        keys += key_count(row)
        sizes.append(size_of(prompt) + size_of(completion) + size_of(row.system or ""))
    return sizes, keys


def _preferences(rows: list[PreferenceRow]) -> tuple[list[int], int] | None:
    sizes = []
    for row in rows:
        texts = (row.prompt, row.chosen, row.rejected)
        if row.chosen == row.rejected or not all(texts) or any(map(str.isspace, texts)):
            return None
        sizes.append(sum(map(size_of, texts)))
    return sizes, 3 * len(rows)


def size_of(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


def weight(row: Row) -> int:
    """Return the UTF-8 bytes of the texts of one row of any shape."""
    return sum(map(size_of, _texts(row)))


def _texts(row: Row) -> list[str]:
    if isinstance(row, PromptRow):
        return [row.prompt, row.completion, row.system or ""]
    if isinstance(row, PreferenceRow):
        return [row.prompt, row.chosen, row.rejected]
    if isinstance(row, ToolRow):
        calls = [call.function for message in row.messages for call in message.tool_calls or ()]
        return [m.content or "" for m in row.messages] + [
            text for call in calls for text in (call.name, call.arguments)
        ]
    return [message.content for message in _messages(row)]


def _messages(row: ChatRow | PreferenceChat) -> tuple[Message, ...]:
    return row.messages if isinstance(row, ChatRow) else (*(row.prompt or ()), *row.chosen, *row.rejected)

"""The shapes a row may have, as types that the decoder enforces: sft as a chat or as prompt and completion, dpo as texts or as chats.

Rows are frozen, so that equal content has one hash whatever the spelling in the file; the garbage collector need not look at them.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dropforge.domain.reports import FoundKind


class Message(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Kind sft as a chat."""

    messages: tuple[Message, ...]


class PromptRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Kind sft as prompt and completion."""

    prompt: str
    completion: str
    system: str | UnsetType = UNSET


class PreferenceRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Kind dpo as texts."""

    prompt: str
    chosen: str
    rejected: str


class PreferenceChat(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Kind dpo as chats; `prompt` may be left out where both answers repeat it."""

    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    prompt: tuple[Message, ...] | UnsetType = UNSET


class Function(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """A function that may be called. `parameters` is a JSON schema, which nobody here reads."""

    name: str
    description: str | UnsetType = UNSET
    parameters: msgspec.Raw | UnsetType = UNSET
    strict: bool | UnsetType = UNSET


class Tool(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """One entry of a row's `tools`."""

    function: Function
    type: Literal["function"]


class Called(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Which function is called; `arguments` is JSON as a text."""

    name: str
    arguments: str


class Call(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """A call that the assistant makes."""

    id: str
    function: Called
    type: Literal["function"]


class ToolMessage(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """One turn of a chat that may call functions."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: Annotated[tuple[Call, ...], msgspec.Meta(min_length=1)] | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class ToolRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """Kind sft as a chat that calls functions."""

    messages: tuple[ToolMessage, ...]
    tools: tuple[Tool, ...] = ()


Row = ChatRow | PromptRow | PreferenceRow | PreferenceChat | ToolRow
Rows = list[ChatRow] | list[PromptRow] | list[PreferenceRow] | list[PreferenceChat]
Decoder = (
    msgspec.json.Decoder[ChatRow]
    | msgspec.json.Decoder[PromptRow]
    | msgspec.json.Decoder[PreferenceRow]
    | msgspec.json.Decoder[PreferenceChat]
)

KINDS: dict[str, FoundKind] = {
    "messages": "sft",
    "prompt-completion": "sft",
    "preference": "dpo",
    "preference-chat": "dpo",
}
DECODERS: dict[str, Decoder] = {
    "messages": msgspec.json.Decoder(ChatRow),
    "prompt-completion": msgspec.json.Decoder(PromptRow),
    "preference": msgspec.json.Decoder(PreferenceRow),
    "preference-chat": msgspec.json.Decoder(PreferenceChat),
}
TOOLS = msgspec.json.Decoder(ToolRow)
OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
BROKEN = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def shape_of(keys: Mapping[str, msgspec.Raw]) -> str | None:
    """Return the shape that a row's keys speak of, or None. A list of messages in either answer makes a preference a chat."""
    if "chosen" in keys or "rejected" in keys:
        lists = any(bytes(keys[key]).lstrip()[:1] == b"[" for key in ("chosen", "rejected") if key in keys)
        return "preference-chat" if lists else "preference"
    if "messages" in keys:
        return "messages"
    return "prompt-completion" if "prompt" in keys or "completion" in keys else None


def first_shape(lines: bytes) -> str | None:
    """Return the shape of the first line that is not blank, or None."""
    first = next((line for line in lines.split(b"\n") if line.strip()), b"")
    try:
        return shape_of(OBJECT.decode(first))
    except BROKEN:
        return None


def names_tools(line: bytes) -> bool:
    """Whether a row may speak of tools; what only mentions them in a text is found out by decoding."""
    return b'"tool' in line


def is_tool_row(row: ToolRow) -> bool:
    """Whether the row does more than a chat: it declares, calls or answers."""
    return bool(row.tools) or any(m.role == "tool" or m.tool_calls is not UNSET for m in row.messages)


def key_count(row: Row) -> int:
    """Return how many keys the row has when none is there twice. Not for tool rows, whose schemas may hold anything."""
    if isinstance(row, ChatRow):
        return 1 + 2 * len(row.messages)
    if isinstance(row, PreferenceChat):
        prompt = row.prompt or ()
        return 2 + (row.prompt is not UNSET) + 2 * (len(prompt) + len(row.chosen) + len(row.rejected))
    if isinstance(row, PromptRow):
        return 2 + (row.system is not UNSET)
    return 3

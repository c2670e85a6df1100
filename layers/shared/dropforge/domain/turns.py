"""What the types of a row cannot say: the order of roles, the last turn, emptiness, equal answers, calls that nobody declared."""

from collections.abc import Iterator, Sequence

from msgspec import UNSET

from dropforge.domain.checks import CHECKS
from dropforge.domain.reports import Fault
from dropforge.domain.shapes import (
    ChatRow,
    Message,
    PreferenceChat,
    PreferenceRow,
    PromptRow,
    Row,
    ToolMessage,
    ToolRow,
)


def judge(row: Row) -> list[Fault]:
    """Return the row's first fault and all its warnings; their lines are filled in by the report."""
    found = list(_looked_at(row))
    faults = [fault for fault in found if CHECKS[fault.code].level == "fault"]
    return faults[:1] or found


def _looked_at(row: Row) -> Iterator[Fault]:
    if isinstance(row, ChatRow):
        yield from _chat(row.messages, "messages")
    elif isinstance(row, PreferenceChat):
        yield from _preference_chat(row)
    elif isinstance(row, ToolRow):
        yield from _tools(row)
    else:
        yield from _texts(row)


def _texts(row: PromptRow | PreferenceRow) -> Iterator[Fault]:
    names = ("prompt", "completion") if isinstance(row, PromptRow) else ("prompt", "chosen", "rejected")
    yield from (_empty(name) for name in names if not getattr(row, name).strip())
    if isinstance(row, PreferenceRow) and row.chosen == row.rejected:
        yield Fault.of("SameAnswers")


def _empty(name: str) -> Fault:
    return Fault.of("EmptyText", f"`{name}` is empty.")


def _chat(messages: Sequence[Message], name: str) -> Iterator[Fault]:
    if not messages:
        yield Fault.of("NoMessages", f"`{name}` is an empty list.")
        return
    yield from _last(messages, name)
    yield from _order([message.role for message in messages])
    yield from _blank(messages, name)


def _last(messages: Sequence[Message] | Sequence[ToolMessage], name: str) -> Iterator[Fault]:
    if messages[-1].role != "assistant":
        where = "" if name == "messages" else f" of `{name}`"
        yield Fault.of("LastTurnNotAssistant", f"The last message{where} is of role `{messages[-1].role}`.")


def _order(roles: Sequence[str]) -> Iterator[Fault]:
    late = next((n for n, role in enumerate(roles) if role == "system" and n > 0), None)
    if late is not None:
        yield Fault.of("LateSystem", f"Message {late + 1} is of role `system`.")
    twice = next((n for n in range(1, len(roles)) if roles[n] == roles[n - 1] != "tool"), None)
    if twice is not None:
        yield Fault.of("SameRoleTwice", f"Messages {twice} and {twice + 1} are both of role `{roles[twice]}`.")
    if next((role for role in roles if role != "system"), "user") == "assistant":
        yield Fault.of("AssistantFirst")


def _blank(messages: Sequence[Message], name: str) -> Iterator[Fault]:
    yield from (_empty(f"{name}[{n}].content") for n, m in enumerate(messages) if not m.content.strip())


def _preference_chat(row: PreferenceChat) -> Iterator[Fault]:
    """Judge both conversations as they would be trained on: the prompt, then the answer."""
    prompt = row.prompt or ()
    if row.prompt is not UNSET and not prompt:
        yield Fault.of("NoMessages", "`prompt` is an empty list.")
    yield from _blank(prompt, "prompt")
    for name, answer in (("chosen", row.chosen), ("rejected", row.rejected)):
        if not answer:
            yield Fault.of("NoMessages", f"`{name}` is an empty list.")
            continue
        yield from _last(answer, name)
        yield from _blank(answer, name)
        yield from _order([message.role for message in (*prompt, *answer)])
    if row.chosen == row.rejected:
        yield Fault.of("SameAnswers")


def _tools(row: ToolRow) -> Iterator[Fault]:
    if not row.messages:
        yield Fault.of("NoMessages", "`messages` is an empty list.")
        return
    yield from _last(row.messages, "messages")
    yield from _order([message.role for message in row.messages])
    yield from (fault for n, m in enumerate(row.messages) for fault in _tool_fields(m, f"messages[{n}]"))
    yield from _calls(row)


def _tool_fields(message: ToolMessage, where: str) -> Iterator[Fault]:
    calls = message.tool_calls is not UNSET
    if calls and message.role != "assistant":
        yield Fault.of(
            "WrongField", f"`{where}` has `tool_calls` and the role `{message.role}`: only the assistant calls."
        )
    if (message.tool_call_id is not UNSET) != (message.role == "tool"):
        yield Fault.of("WrongField", f"`{where}`: a tool message, and no other, has a `tool_call_id`.")
    if not calls and message.role != "tool" and not (message.content or "").strip():
        yield _empty(f"{where}.content")


def _calls(row: ToolRow) -> Iterator[Fault]:
    declared = {tool.function.name for tool in row.tools}
    made: set[str] = set()
    for message in row.messages:
        for call in message.tool_calls or ():
            made.add(call.id)
            if call.function.name not in declared:
                yield Fault.of("UnknownTool", f"`{call.function.name}` is called and not declared in `tools`.")
        if message.tool_call_id is not UNSET and message.tool_call_id not in made:
            yield Fault.of("UnaskedAnswer", f"No call before it has the id `{message.tool_call_id}`.")

"""Every finding a dataset check can make: what it means and what to change.

One table feeds the report, the tests and docs/dataset-checks.md, so that no page can describe a check that does not exist. A fault rejects the
dataset; a warning does not.
"""

from typing import Literal, NamedTuple

MAX_LINE = 16 * 1024 * 1024


class Check(NamedTuple):
    """One kind of finding. `fix` is the sentence that reaches the user, so it says what to change."""

    level: Literal["fault", "warning"]
    means: str
    fix: str


def _fault(means: str, fix: str) -> Check:
    return Check("fault", means, fix)


CHECKS: dict[str, Check] = {
    # the file
    "NoRows": _fault("The file has no rows.", "Check the export that wrote it, then upload it again."),
    "NotJsonLines": _fault(
        "The file is of another format whatever its name says (Parquet, ZIP, gzip, CSV, JSON over several lines, ...).",
        "Convert it to JSON Lines: one JSON object per line, UTF-8.",
    ),
    "JsonArray": _fault(
        "The file is one JSON array.",
        "Write each element on a line of its own, without the brackets and commas around it.",
    ),
    "Utf16File": _fault("The file is UTF-16 or UTF-32.", "Save the file as UTF-8 without BOM."),
    "NotGzip": _fault(
        "The name ends in .gz and the bytes are not gzip.", "Pack it with `gzip`, or drop `.gz` from its name."
    ),
    "GzipCutOff": _fault("The gzip stream ends too early.", "Upload the file again and check it with `gzip -t`."),
    "GzipTrailing": _fault(
        "Bytes that are not gzip follow the gzip stream.", "Pack the file again; check it with `gzip -t`."
    ),
    "GzipBroken": _fault(
        "The gzip stream is damaged.", "Pack the file again, check it with `gzip -t` and upload it again."
    ),
    "UnpacksTooLarge": _fault(
        "The file unpacks to more than one check reads, or far more than rows of text would.",
        "Split the file, or check what was packed.",
    ),
    # the line
    "BlankLine": _fault("The line is blank.", "Remove it."),
    "LineTooLong": _fault(
        f"The line is longer than {MAX_LINE:,} bytes. Its content is not looked at.", "Split or drop the row."
    ),
    "ByteOrderMark": _fault("The line starts with a byte order mark.", "Save the file as UTF-8 without BOM."),
    "NotUtf8": _fault("The line has bytes that are not UTF-8.", "Save the file as UTF-8."),
    "ControlCharacter": _fault(
        "The line has a raw control character (a NUL, or a tab inside a text). Written as an escape it is text like any other.",
        "Remove it, or write it as a JSON escape such as \\t.",
    ),
    "LoneSurrogate": _fault(
        "A \\ud800 to \\udfff escape without its other half stands for no character.",
        "Remove the half emoji: cut texts by character, not by UTF-16 unit.",
    ),
    "NotANumber": _fault(
        "NaN and Infinity are not JSON.", "Write null, a number or a text in its place, or drop the row."
    ),
    "NestedTooDeep": _fault("The row is nested too deeply to be read.", "Drop the row: no row needs such nesting."),
    "CutOffRow": _fault(
        "The file ends in the middle of its last row.", "Export and upload the file again, or drop the row."
    ),
    "BrokenJson": _fault("The line is not one complete JSON object.", "Write one complete JSON object per line."),
    "NotAnObject": _fault("The line is JSON but not an object.", "Write each row as an object: {...}."),
    "DuplicateKey": _fault(
        "An object has the same key twice; which of the two counts depends on the reader.",
        "Keep one of them and remove the other.",
    ),
    # the row
    "UnknownShape": _fault(
        "The row is of no shape that is known.",
        "Give each row `messages`, or `prompt` and `completion`, or `prompt`, `chosen` and `rejected`.",
    ),
    "MixedShapes": _fault("The row has another shape than the rows before it.", "Use one shape for the whole dataset."),
    "MixedKinds": _fault(
        "The row is of another kind (sft, dpo) than the rows before it.", "Put each kind into a dataset of its own."
    ),
    "UnknownField": _fault("The row has a field that nobody reads.", "Remove the field, or correct its name."),
    "MissingField": _fault("A field is missing.", "Add the field that the message names, or drop the row."),
    "WrongField": _fault(
        "A field has the wrong type or value.", "Give the field the type and value that the message names."
    ),
    "EmptyText": _fault("A text is empty or only white space.", "Fill it or drop the row."),
    "SameAnswers": _fault(
        "The two answers, `chosen` and `rejected`, are equal: there is nothing to prefer.",
        "Give two different answers or drop the row.",
    ),
    # the turns
    "NoMessages": _fault("A list of messages is empty.", "Give at least a user and an assistant message."),
    "WrongRole": _fault(
        "A message has a role that is not known.", "Use system, user or assistant (and tool for answers of tools)."
    ),
    "LateSystem": _fault("A system message comes after the first message.", "Put the system message first."),
    "LastTurnNotAssistant": _fault(
        "The last message is not the assistant's.", "End every row with the assistant's answer: that is what is learnt."
    ),
    "UnknownTool": _fault(
        "A call names a function that the row's `tools` do not declare.",
        "Declare the function in `tools`, or correct the name.",
    ),
    "UnaskedAnswer": _fault(
        "A tool message answers a call that no message before it has made.",
        "Give it the `tool_call_id` of a call before it.",
    ),
    # the dataset
    "Leakage": _fault(
        "The same row is in train and in validation, so the validation loss would look better than it is.",
        "Remove the row from one of the two files.",
    ),
    "SameRoleTwice": Check(
        "warning",
        "Two messages in a row have the same role; many chat templates refuse that.",
        "Join the two messages into one.",
    ),
    "AssistantFirst": Check(
        "warning",
        "The first message (after a system message) is the assistant's; many chat templates refuse that.",
        "Start with a user message.",
    ),
    "DuplicateRow": Check(
        "warning", "The row is the same as an earlier one.", "Remove one of them unless it is meant to weigh more."
    ),
    "NotAllCompared": Check(
        "warning",
        "Not all rows could be compared with each other: the counts of DuplicateRow and Leakage are lower bounds.",
        "Remove the duplicates that are listed; compare the rest yourself if it matters.",
    ),
}

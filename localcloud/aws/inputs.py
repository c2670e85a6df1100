"""What a rule's target receives: the event, a part of it, a constant, or a template filled from it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from jsonpath_ng.ext import parse as parse_path

_PLACEHOLDER = re.compile(r"<([\w.\-]+)>")


def target_input(target: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    """The text delivered to `target` for `event`."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        return json.dumps(_find(target["InputPath"], event))
    if target.get("InputTransformer"):
        return _transform(target["InputTransformer"], event, rule_arn)
    return json.dumps(event)


def _find(path: str, event: Mapping[str, Any]) -> Any:
    found = parse_path(path).find(event)
    return found[0].value if found else None


def _transform(transformer: Mapping[str, Any], event: Mapping[str, Any], rule_arn: str) -> str:
    template: str = transformer["InputTemplate"]
    values = {name: _find(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values |= {
        "aws.events.event": event,
        "aws.events.event.json": event,
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
    }
    is_document = template.lstrip()[:1] in ("{", "[", '"')
    return _PLACEHOLDER.sub(lambda found: _fill(found, values, is_document), template)


def _fill(found: re.Match[str], values: Mapping[str, Any], is_document: bool) -> str:
    """Inside a quoted text the bare value, elsewhere in a JSON template its JSON; unknown placeholders stay."""
    name = found[1]
    if name not in values:
        return found[0]
    value = values[name]
    as_json = json.dumps(value)
    if not is_document:
        return value if isinstance(value, str) else as_json
    if _inside_text(found.string, found.start()):
        return json.dumps(value if isinstance(value, str) else as_json)[1:-1]
    return as_json


def _inside_text(template: str, position: int) -> bool:
    return len(re.findall(r'(?<!\\)"', template[:position])) % 2 == 1

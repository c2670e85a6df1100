"""One function of ours asking another."""

import json

from dropforge import naming
from dropforge.adapters import aws, settings
from dropforge.errors import Unavailable


def send(function: str, document: dict[str, object]) -> None:
    """Have a function (by its folder's name) work on a document, later, with Lambda's own retries and dead letters."""
    name = naming.function(settings.environment(), function)
    aws.functions().invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(document).encode())


def ask(function: str, document: dict[str, object]) -> dict[str, object]:
    """Have a function work on a document now, and return its answer. Raises Unavailable when it failed."""
    name = naming.function(settings.environment(), function)
    answer = aws.functions().invoke(FunctionName=name, Payload=json.dumps(document).encode())
    said: dict[str, object] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise Unavailable("AwsBusy", f"`{function}` failed with {said.get('errorType')}.")
    return said

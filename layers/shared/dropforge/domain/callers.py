"""Who asks, and whether they may: a project's members act on its runs, nobody else."""

import base64
import binascii
import re

from pydantic import Field, ValidationError

from dropforge.domain.clusters import Project
from dropforge.domain.values import Received, Value, explain
from dropforge.errors import InvalidInput

_SESSION = re.compile(r"^arn:([\w-]+):sts::(\d+):assumed-role/([^/]+)/.*$")
_ROLE = re.compile(r"^arn:([\w-]+):iam::(\d+):role/(?:.*/)?([^/]+)$")


class Wish(Received):
    """What a person sends: the run, upload or execution they mean, and why."""

    run: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=500)


class Order(Value):
    """A wish and the identity that IAM has checked."""

    caller: str
    run: str
    reason: str = ""


class _Iam(Received):
    user_arn: str = Field(alias="userArn", min_length=1)


class _Authorizer(Received):
    iam: _Iam


class _Context(Received):
    authorizer: _Authorizer


class Request(Received):
    """A request to a function URL, payload format 2.0, as far as we read it."""

    context: _Context = Field(alias="requestContext")
    body: str = "{}"
    in_base64: bool = Field(default=False, alias="isBase64Encoded")


def read_order(event: object) -> Order:
    """Return what a request to a function URL asks, and by whom. Raises InvalidInput (BadOrder) for what cannot be read."""
    try:
        request = Request.model_validate(event)
        body = base64.b64decode(request.body, validate=True) if request.in_base64 else request.body
        wish = Wish.model_validate_json(body)
    except ValidationError as error:
        raise InvalidInput("BadOrder", explain(error)) from error
    except binascii.Error as error:
        raise InvalidInput("BadOrder", f"The body is not Base64: {error}.") from error
    return Order(caller=request.context.authorizer.iam.user_arn, run=wish.run, reason=wish.reason)


def principal(arn: str) -> str:
    """Return the identity behind an ARN: a session of a role is the role, and a role's path does not count (a session does not show it)."""
    for pattern in (_SESSION, _ROLE):
        match = pattern.match(arn)
        if match:
            return f"arn:{match[1]}:iam::{match[2]}:role/{match[3]}"
    return arn


def require_member(project: Project, caller: str) -> None:
    """Raise InvalidInput (NotAMember) unless the caller is a member of the project."""
    members = {principal(member) for member in project.members}
    if principal(caller) not in members:
        why = f"`{principal(caller)}` is not a member of the project `{project.name}`."
        raise InvalidInput("NotAMember", why, {"project": project.name, "caller": principal(caller)})

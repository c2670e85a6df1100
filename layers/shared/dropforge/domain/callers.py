"""Who asks, and whether they may: a project's members act on its runs, nobody else."""

import base64
import binascii
import re
from typing import TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from dropforge.domain.clusters import Project
from dropforge.domain.values import Received, Value, explain
from dropforge.errors import InvalidInput

_SESSION = re.compile(r"^arn:([\w-]+):sts::(\d+):assumed-role/([^/]+)/.*$")
_ROLE = re.compile(r"^arn:([\w-]+):iam::(\d+):role/(?:.*/)?([^/]+)$")


class Asked(Value):
    """Something that a person asks, and the identity that IAM has checked."""

    caller: str


class Order(Asked):
    """The run, upload or execution that a person means, and why."""

    run: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=500)


Ask = TypeVar("Ask", bound=Asked)
_BODY = TypeAdapter(dict[str, object])


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


def read_asked(event: object, kind: type[Ask]) -> Ask:
    """Return what a request to a function URL asks, and by whom: `caller` is never what the body says.

    Raises InvalidInput (BadOrder) for what cannot be read.
    """
    try:
        request = Request.model_validate(event)
        body = base64.b64decode(request.body, validate=True) if request.in_base64 else request.body
        said = _BODY.validate_json(body)
        return kind.model_validate({**said, "caller": request.context.authorizer.iam.user_arn})
    except ValidationError as error:
        raise InvalidInput("BadOrder", explain(error)) from error
    except binascii.Error as error:
        raise InvalidInput("BadOrder", f"The body is not Base64: {error}.") from error


def principal(arn: str) -> str:
    """Return the identity behind an ARN: a session of a role is the role, and a role's path does not count (a session does not show it)."""
    for pattern in (_SESSION, _ROLE):
        match = pattern.match(arn)
        if match:
            return f"arn:{match[1]}:iam::{match[2]}:role/{match[3]}"
    return arn


def may_see(project: Project, caller: str) -> bool:
    """Whether the caller may look at the project's runs: its members, viewers and approvers."""
    return principal(caller) in {principal(one) for one in (*project.members, *project.viewers, *project.approvers)}


def require_viewer(project: Project, caller: str) -> None:
    """Raise InvalidInput (NotAMember) unless the caller may look at the project's runs."""
    if not may_see(project, caller):
        raise _not_a_member(project, caller)


def require_member(project: Project, caller: str) -> None:
    """Raise InvalidInput (NotAMember) unless the caller is a member of the project: only members act."""
    if principal(caller) not in {principal(member) for member in project.members}:
        raise _not_a_member(project, caller)


def _not_a_member(project: Project, caller: str) -> InvalidInput:
    why = f"`{principal(caller)}` is not a member of the project `{project.name}`."
    return InvalidInput("NotAMember", why, {"project": project.name, "caller": principal(caller)})

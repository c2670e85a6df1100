"""Who asks, and whether they may: a project's members act on its runs, nobody else."""

import base64
import re

from pydantic import Field

from dropforge.domain.clusters import Project
from dropforge.domain.values import Received, Value
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

    def order(self) -> Order:
        """Return what is asked, by whom. Raises ValidationError."""
        wish = Wish.model_validate_json(base64.b64decode(self.body) if self.in_base64 else self.body)
        return Order(caller=self.context.authorizer.iam.user_arn, run=wish.run, reason=wish.reason)


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

"""Who made a request? Every process of a function signs with an access key of its own, and the key says which function it is.

AWS knows the role instead; a role may be shared by functions, and the switches have to tell functions, and their processes, apart.
Credentials that a function gets by assuming a role belong to nobody here.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from moto.iam.models import get_account_id_from
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

_REGION = "us-east-1"
_KEY = re.compile(r"function\.(?P<name>[\w-]+)\.[0-9a-f]{8}")


def new_access_key(function: str) -> str:
    """An access key id for one process of `function`."""
    return f"function.{function}.{uuid.uuid4().hex[:8]}"


def function_of(access_key: str) -> str:
    """The function a key was made for; empty for any other key."""
    found = _KEY.fullmatch(access_key)
    return found["name"] if found else ""


_SIGNED_BY: ContextVar[str] = ContextVar("signed_by", default="")


@contextmanager
def signed_by(access_key: str) -> Iterator[None]:
    """Serve a request that was signed with this key inside."""
    mark = _SIGNED_BY.set(access_key)
    try:
        yield
    finally:
        _SIGNED_BY.reset(mark)


class Identities:
    """Whom SageMaker names as the one who made or changed something: `UserContext`, with the IAM identity behind the request.

    A function is a session of its role, named as the function, as Lambda's sessions are; everybody else is what STS says of their key.
    """

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client

    def user_context(self) -> dict[str, Any]:
        """The caller of the request that is being served."""
        arn, principal = self._identity(_SIGNED_BY.get())
        return {"IamIdentity": {"Arn": arn, "PrincipalId": principal}}

    def _identity(self, access_key: str) -> tuple[str, str]:
        function = function_of(access_key)
        if not function:
            account, partition = get_account_id_from(access_key), get_partition(_REGION)
            user_id, arn, _ = sts_backends[account][partition].get_caller_identity(access_key, _REGION)
            return arn, user_id
        role = self._client("lambda").get_function_configuration(FunctionName=function)["Role"]
        session = f"{role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{function}"
        return session, f"AROALOCAL:{function}"

"""Who made a request? Every process of a function signs with an access key of its own, and the key says which function it is.

AWS knows the role instead; a role may be shared by functions, and the switches have to tell functions, and their processes, apart.
Credentials that a function gets by assuming a role belong to nobody here.
"""

import re
import uuid

_KEY = re.compile(r"function\.(?P<name>[\w-]+)\.[0-9a-f]{8}")


def new_access_key(function: str) -> str:
    """An access key id for one process of `function`."""
    return f"function.{function}.{uuid.uuid4().hex[:8]}"


def function_of(access_key: str) -> str:
    """The function a key was made for; empty for any other key."""
    found = _KEY.fullmatch(access_key)
    return found["name"] if found else ""

"""GET .../log: which lines of a container's log a request asks for.

By time, the last ones, stamped, and only then cut at a number of bytes: how the kubelet is understood to work; not checked against a real one.
"""

import re
from datetime import datetime

from localcloud.kubernetes import clock, errors
from localcloud.kubernetes.logs import Line
from localcloud.kubernetes.targets import Request

_PARAMETERS = {
    "container", "tailLines", "limitBytes", "pretty", "follow", "previous", "timestamps", "sinceTime", "sinceSeconds",
}  # fmt: skip
_TIME = re.compile(r"(?P<second>[^.Z+]+T[^.Z+-]+)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:\d\d)")
_SECOND = 1_000_000_000


def check(request: Request) -> None:
    """Raise StatusError 400 for what the local cluster cannot do, or what no cluster can."""
    unsupported = [k for k in request.query if k not in _PARAMETERS]
    unsupported += [k for k in ("follow", "previous") if request.flag(k)]
    if request.method != "GET" or unsupported:
        raise errors.bad_request(f"the local cluster does not support these log parameters: {unsupported}")
    if {"sinceTime", "sinceSeconds"} <= request.query.keys():
        raise errors.bad_request("at most one of `sinceTime` or `sinceSeconds` may be specified")


def cut(lines: list[Line], request: Request) -> bytes:
    """Give the text a request asks for."""
    since = _since(request)
    lines = [line for line in lines if line.began >= since]
    if "tailLines" in request.query:
        count = request.number("tailLines")
        lines = lines[-count:] if count else []
    text = b"".join(line.stamped if request.flag("timestamps") else line.text for line in lines)
    return text[: request.number("limitBytes")] if "limitBytes" in request.query else text


def _since(request: Request) -> int:
    """Nanoseconds since the epoch."""
    if "sinceSeconds" in request.query:
        return clock.nanoseconds() - request.number("sinceSeconds") * _SECOND
    text = request.query.get("sinceTime")
    return 0 if text is None else _nanoseconds(text)


def _nanoseconds(text: str) -> int:
    """Read an RFC 3339 time; the fraction apart, because Python's own times end at microseconds."""
    found = _TIME.fullmatch(text)
    try:
        moment = datetime.fromisoformat(found["second"] + found["zone"]) if found else None
    except ValueError:
        moment = None
    if found is None or moment is None:
        raise errors.bad_request(f'invalid value for sinceTime: "{text}" is not an RFC 3339 time')
    return int(moment.timestamp()) * _SECOND + int((found["fraction"] or "0").ljust(9, "0"))

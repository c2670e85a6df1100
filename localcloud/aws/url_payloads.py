"""What a function sees of a request to its URL, and what its caller sees of its answer: payload format 2.0.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html. That page does not say which content types count as text: we take the
few that are surely so, and encode the rest.
"""

import base64
import json
import uuid
from binascii import Error as BadBase64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")


class Malformed(ValueError):
    """A function's answer that cannot be made into an HTTP response."""


@dataclass(frozen=True)
class Caller:
    """The IAM identity behind a request."""

    access_key: str
    account: str
    user_id: str
    arn: str


@dataclass(frozen=True)
class Visit:
    """One request to a function's URL; `path` starts at the URL's own root, `caller` is None where nobody has to sign."""

    function: str
    path: str
    account: str
    caller: Caller | None
    environ: Mapping[str, Any]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """The HTTP response of a function URL."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def event(visit: Visit) -> dict[str, Any]:
    """The event of one request."""
    query = visit.environ.get("QUERY_STRING", "")
    headers = _headers(visit.environ)
    cookies = [cookie.strip() for cookie in headers.get("cookie", "").split(";") if cookie.strip()]
    given = {name: ",".join(values) for name, values in parse_qs(query, keep_blank_values=True).items()}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": visit.path,
        "rawQueryString": query,
        **({"cookies": cookies} if cookies else {}),
        "headers": headers,
        **({"queryStringParameters": given} if given else {}),
        "requestContext": _context(visit, headers),
        **_body(visit.body, headers.get("content-type", "")),
    }


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    apart = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}
    headers = {ours: environ[theirs] for theirs, ours in apart.items() if environ.get(theirs)}
    rest = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    return headers | rest


def _context(visit: Visit, headers: Mapping[str, str]) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "accountId": visit.account,
        "apiId": visit.function,
        "authentication": None,
        **({"authorizer": {"iam": _iam(visit.caller)}} if visit.caller else {}),
        "domainName": headers.get("host", ""),
        "domainPrefix": visit.function,
        "http": {
            "method": visit.environ["REQUEST_METHOD"],
            "path": visit.path,
            "protocol": visit.environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
            "sourceIp": visit.environ.get("REMOTE_ADDR", ""),
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": str(uuid.uuid4()),
        "routeKey": "$default",
        "stage": "$default",
        "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now.timestamp() * 1000),
    }


def _iam(caller: Caller) -> dict[str, Any]:
    return {
        "accessKey": caller.access_key,
        "accountId": caller.account,
        "callerId": caller.user_id,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": caller.arn,
        "userId": caller.user_id,
    }


def _body(body: bytes, content_type: str) -> dict[str, Any]:
    if not body:
        return {"isBase64Encoded": False}
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXT_TYPES:
        return {"body": body.decode(errors="replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def reply(payload: bytes) -> Reply:
    """The response for what a function returned: as it says when it gives a `statusCode`, else 200 with its JSON. Raises Malformed."""
    answer = json.loads(payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return Reply(200, [("content-type", "application/json")], payload)
    try:
        status = int(answer["statusCode"])
        headers = {str(name).lower(): _text(value) for name, value in (answer.get("headers") or {}).items()}
        cookies = [("set-cookie", str(cookie)) for cookie in answer.get("cookies") or []]
        body = _bytes(answer)
    except (TypeError, ValueError, AttributeError, BadBase64) as error:
        raise Malformed(str(error)) from error
    headers.pop("content-length", None)
    return Reply(status, [*({"content-type": "application/json"} | headers).items(), *cookies], body)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bytes(answer: Mapping[str, Any]) -> bytes:
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise TypeError("body is not a text")
    return base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()


def message(status: int, text: str) -> Reply:
    """A response that Lambda, not the function, gives."""
    return Reply(status, [("content-type", "application/json")], json.dumps({"Message": text}).encode())

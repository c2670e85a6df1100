"""Function URLs: a function behind a plain HTTP address, for callers who sign with IAM credentials.

AWS gives each one a host of its own; here they are paths of the one endpoint. Who calls is read from the access key as STS would answer;
the signature itself is not checked, because keys that moto never made (a test's, a demo's) have no secret to check it with.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError
from moto.awslambda.exceptions import LambdaClientError, UnknownFunctionException
from moto.awslambda.models import lambda_backends
from moto.iam.models import get_account_id_from
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from localcloud.aws.seams import Replacements
from localcloud.aws.url_payloads import Caller, Malformed, Reply, Visit, event, message, reply

_ROOT = "/function-urls/"
_PATH = re.compile(_ROOT + r"(?P<function>[^/]+)(?P<path>/.*)?")
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/\d{8}/(?P<region>[^/]+)/lambda/aws4_request,.*Signature="
)

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]


def install(replacements: Replacements, endpoint: Callable[[], str]) -> None:
    """Give every function URL that is made an address where it answers; moto's own lead nowhere."""

    def construct(url: Any, function: Any, config: dict[str, Any]) -> None:
        if config.get("InvokeMode", "BUFFERED") != "BUFFERED":
            raise LambdaClientError("InvalidParameterValueException", "the local cloud cannot stream: use BUFFERED")
        original(url, function, {**config, "InvokeMode": "BUFFERED"})
        url.url = f"{endpoint()}{_ROOT}{function.function_name}/"

    original = replacements.replace("moto.awslambda.models:FunctionUrlConfig.__init__", construct)


@dataclass(frozen=True)
class FunctionUrls:
    """A WSGI application in front of the API, `api`: requests to a function's URL end here, all others pass."""

    api: WsgiApp
    client: Callable[[str], Any]
    account: str
    region: str

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        found = _PATH.fullmatch(environ["REQUEST_URI"].partition("?")[0])
        if found is None:
            return self.api(environ, start_response)
        body = _body(environ)  # read in any case: what is left in the socket would be taken for the next request
        answer = self._answer(unquote(found["function"]), found["path"] or "/", environ, body)
        headers = [*answer.headers, ("x-amzn-requestid", str(uuid.uuid4())), ("content-length", str(len(answer.body)))]
        start_response(f"{answer.status} -", headers)
        return [answer.body]

    def _answer(self, function: str, path: str, environ: Environ, body: bytes) -> Reply:
        auth_type = self._auth_type(function)
        if auth_type is None:
            text = f"{function} has no function URL here: give it a FunctionUrlConfig in the template"
            return message(404, text)
        caller = self._caller(environ.get("HTTP_AUTHORIZATION", "")) if auth_type == "AWS_IAM" else None
        if auth_type == "AWS_IAM" and caller is None:
            return message(403, "Forbidden")
        visit = Visit(function, path, self.account, caller, environ, body)
        return self._invoke(function, event(visit))

    def _auth_type(self, function: str) -> str | None:
        try:
            url = lambda_backends[self.account][self.region].get_function(function).url_config
        except UnknownFunctionException:
            return None
        return str(url.config["AuthType"]) if url else None

    def _caller(self, authorization: str) -> Caller | None:
        """Who signed, as STS GetCallerIdentity says; None without a signature for Lambda in this Region."""
        found = _SIGNED.match(authorization)
        if found is None or found["region"] != self.region:
            return None
        key, partition = found["key"], get_partition(self.region)
        sts = sts_backends[get_account_id_from(key)][partition]
        user_id, arn, account = sts.get_caller_identity(key, self.region)
        return Caller(key, account, user_id, arn)

    def _invoke(self, function: str, payload: Mapping[str, Any]) -> Reply:
        """A real call of Invoke, so that faults switched on for it are met here, too."""
        try:
            made = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload).encode())
        except ClientError as error:
            return message(error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Message"])
        answer: bytes = made["Payload"].read()
        if "FunctionError" in made:
            return message(502, "Internal Server Error")
        try:
            return reply(answer)
        except Malformed:
            return message(502, "Internal Server Error")


def _body(environ: Environ) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("CONTENT_LENGTH"):
        read: bytes = stream.read(int(environ["CONTENT_LENGTH"]))
        return read
    return stream.read() if environ.get("wsgi.input_terminated") else b""

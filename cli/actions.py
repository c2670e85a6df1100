"""Acting on a run through the deployment's function URLs: the request is signed, so that the function knows who asks."""

import json
from typing import TypeVar

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from dropforge.domain.failures import Failure, failure
from dropforge.domain.inputs import Cancelled, Retried
from pydantic import BaseModel, ValidationError

from cli import settings
from cli.deployment import RefusedError

Answer = TypeVar("Answer", bound=BaseModel)
SECONDS = 65  # a function that answers people runs for a minute at most


def cancel(reference: str, reason: str) -> Cancelled:
    """Cancel a run, or an upload that is not one yet. Raises RefusedError."""
    return _ask("cancel_run", {"run": reference, "reason": reason}, Cancelled)


def retry(reference: str) -> Retried:
    """Start the next attempt of a run. Raises RefusedError."""
    return _ask("retry_run", {"run": reference}, Retried)


def _ask(function: str, wish: dict[str, str], kind: type[Answer]) -> Answer:
    body = json.dumps(wish)
    url = settings.url(function)
    try:
        answer = urllib3.request("POST", url, body=body, headers=_signed(url, body), timeout=SECONDS)
    except urllib3.exceptions.HTTPError as error:
        raise RefusedError(failure("AwsBusy", f"No answer from {url}: {error}.")) from error
    if answer.status == 200:
        return kind.model_validate_json(answer.data)
    raise RefusedError(_refusal(answer.status, answer.data))


def _signed(url: str, body: str) -> dict[str, str]:
    session = boto3.Session()
    credentials = session.get_credentials()
    if credentials is None:
        raise RefusedError(failure("BadOrder", "There are no AWS credentials to sign the request with."))
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(credentials.get_frozen_credentials(), "lambda", session.region_name).add_auth(request)
    return dict(request.headers)


def _refusal(status: int, body: bytes) -> Failure:
    try:
        return Failure.model_validate_json(body)
    except ValidationError:
        why = f"{status}: {body[:300].decode(errors='replace')}"
        if status == 403:
            return failure(
                "BadOrder",
                f"IAM refused the request ({why}); you need lambda:InvokeFunctionUrl and lambda:InvokeFunction on it.",
            )
        return failure("Unexpected", why)

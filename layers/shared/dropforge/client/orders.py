"""Acting on a run through the deployment's function URLs: the request is signed, so that the function knows who asks."""

import json
from collections.abc import Mapping
from typing import TypeVar

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from pydantic import BaseModel, ValidationError

from dropforge.client.addresses import Addresses
from dropforge.client.refusals import Refused
from dropforge.domain.failures import Failure, failure

Answer = TypeVar("Answer", bound=BaseModel)
SECONDS = 65  # a function that answers people runs for a minute at most
BUSY = (429, 503, 504)  # what Lambda itself says for throttles and time-outs: nobody's mistake, and worth asking again


def send(addresses: Addresses, function: str, wish: Mapping[str, object], kind: type[Answer]) -> Answer:
    """Ask a function for something and return its answer. Raises Refused."""
    body = json.dumps(wish)
    url = addresses.url(function)
    try:
        answer = urllib3.request("POST", url, body=body, headers=_signed(addresses, url, body), timeout=SECONDS)
    except urllib3.exceptions.HTTPError as error:
        raise Refused(failure("AwsBusy", f"No answer from {url}: {error}.")) from error
    if answer.status == 200:
        return kind.model_validate_json(answer.data)
    raise Refused(_refusal(answer.status, answer.data))


def _signed(addresses: Addresses, url: str, body: str) -> dict[str, str]:
    credentials = addresses.session.get_credentials()
    if credentials is None:
        raise Refused(failure("BadOrder", "There are no AWS credentials to sign the request with."))
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(credentials.get_frozen_credentials(), "lambda", addresses.session.region_name).add_auth(request)
    return dict(request.headers)


def _refusal(status: int, body: bytes) -> Failure:
    try:
        return Failure.model_validate_json(body)
    except ValidationError:
        why = f"{status}: {body[:300].decode(errors='replace')}"
        if status in BUSY:
            return failure("AwsBusy", f"No answer of the function in time ({why}); what was asked may have been done.")
        if status == 403:
            return failure(
                "BadOrder",
                f"IAM refused the request ({why}); you need lambda:InvokeFunctionUrl and lambda:InvokeFunction on it.",
            )
        return failure("Unexpected", why)

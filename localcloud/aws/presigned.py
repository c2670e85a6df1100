"""Who presigned a URL? Answered as STS answers it: the signature is made again with the secret behind the access key, and must be the same.

This is all that a cluster of EKS knows of a caller: a presigned GetCallerIdentity, to which the server adds the headers that must have been signed.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.sts.models import sts_backends

_SCOPE = 5  # key, date, Region, service, `aws4_request`


def caller(url: str, headers: Mapping[str, str], account: str) -> str:
    """Return the ARN of the session that presigned a GET of `url` with these headers; empty when none did, or its time is over."""
    base, _, signature = url.partition("&X-Amz-Signature=")
    said = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    scope = said.get("X-Amz-Credential", "").split("/")
    role = sts_backends[account]["aws"].get_assumed_role_from_access_key(scope[0])
    if role is None or len(scope) != _SCOPE or said.get("X-Amz-Security-Token") != role.session_token:
        return ""
    if role.expiration.replace(tzinfo=UTC) < datetime.now(UTC):
        return ""
    request = AWSRequest("GET", base, headers=dict(headers))
    request.context["timestamp"] = said.get("X-Amz-Date", "")
    signer = SigV4QueryAuth(Credentials(scope[0], role.secret_access_key), scope[3], scope[2])
    wanted = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return str(role.arn) if hmac.compare_digest(wanted.encode(), signature.encode()) else ""

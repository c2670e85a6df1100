"""What a function's role allows: the identity policies of the template, asked before every request that a function makes.

Actions are compared for every service, resources for those whose requests name them. Conditions, Deny statements of other policies, resource
policies, boundaries and what people or services may do are not evaluated; a condition that is there counts as met.
"""

import json
import threading
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from localcloud.aws.errors import AwsError
from localcloud.aws.routes import Call

Statement = dict[str, Any]
Wanted = tuple[str, str]  # an action, and the ARN it is wanted for; "" where the request does not name one
_PREFIXES = {"stepfunctions": "states"}
_ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
}
_FREE = ("sts:GetCallerIdentity",)
_TAGGED = {
    "fsx:CreateDataRepositoryTask": "fsx:TagResource",
    "sagemaker:CreateModelPackageGroup": "sagemaker:AddTags",
}
_TRANSACTED = {"Put": "PutItem", "Delete": "DeleteItem", "Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem"}
_CHANGES = ("iam", "lambda", "cloudformation")
_HARMLESS = ("Get", "List", "Invoke")  # what changes no policy, and is asked for all the time
_DENIED = {"s3": ("AccessDenied", 403), "sns": ("AuthorizationError", 403), "sts": ("AccessDenied", 403)}


class Request(NamedTuple):
    """A recognised request with what its body and query say."""

    call: Call
    said: dict[str, Any]
    query: dict[str, list[str]]


def read(call: Call, content_type: str, query: str, body: bytes) -> Request:
    """Read what a request says, as far as permissions depend on it. The body of a request to S3 is the user's, whatever its type says."""
    said: dict[str, Any] = {}
    if call.service != "s3" and body:
        if "json" in content_type:
            said = json.loads(body)
        elif "form" in content_type:
            said = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return Request(call, said, parse_qs(query, keep_blank_values=True))


class Permissions:
    """The roles of an account's functions."""

    def __init__(self, client: Callable[[str], Any], region: str, account: str) -> None:
        self._client = client
        self._place = f"{region}:{account}"
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, list[Statement]]] = {}
        self.refused: list[str] = []

    def check(self, call: Call, content_type: str, query: str, body: bytes) -> AwsError | None:
        """Give the refusal that a request meets, or None; whoever is not a function may do anything, and is not read."""
        if not call.function:
            if call.service in _CHANGES and not call.operation.startswith(_HARMLESS):
                self._known.clear()
            return None
        role, statements = self._policies(call.function)
        for action, resource in wanted(read(call, content_type, query, body), self._place):
            if not any(_allows(statement, action, resource) for statement in statements):
                self.refused.append(f"{call.function}: {action} on {resource or 'anything'}")
                return _refusal(call, role, action, resource)
        return None

    def _policies(self, function: str) -> tuple[str, list[Statement]]:
        with self._lock:
            if function not in self._known:
                role = self._client("lambda").get_function_configuration(FunctionName=function)["Role"]
                self._known[function] = role, list(self._statements(role.rpartition("/")[2]))
            return self._known[function]

    def _statements(self, role: str) -> Iterator[Statement]:
        iam = self._client("iam")
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            yield from _listed(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"])
        for attached in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            version = iam.get_policy(PolicyArn=attached["PolicyArn"])["Policy"]["DefaultVersionId"]
            found = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId=version)["PolicyVersion"]
            yield from _listed(found["Document"]["Statement"])


def wanted(request: Request, place: str) -> Iterator[Wanted]:
    """Give what must be allowed for a request; `place` is "<region>:<account>"."""
    call, said = request.call, request.said
    if call.operation == "TransactWriteItems":
        for item in said["TransactItems"]:
            ((kind, body),) = item.items()
            yield f"dynamodb:{_TRANSACTED[kind]}", _arn(f"dynamodb:{place}:table/{body['TableName']}")
        return
    plain = f"{_PREFIXES.get(call.service, call.service)}:{call.operation}"
    action = _ACTIONS.get(plain, plain)
    if action == "s3:GetObject" and "versionId" in request.query:
        action = "s3:GetObjectVersion"
    if action not in _FREE:
        yield action, _resource(request, place)
    if plain in _TAGGED and said.get("Tags"):
        yield _TAGGED[plain], ""


def _resource(request: Request, place: str) -> str:
    said = request.said
    if request.call.service in _NAMES:
        try:
            return _arn(_NAMES[request.call.service](request, place))
        except (KeyError, IndexError):  # an operation that names no resource
            return ""
    given = (said.get(name) for name in ("executionArn", "stateMachineArn", "TopicArn", "RoleArn"))
    return next((str(arn) for arn in given if arn), "")


def _object(request: Request, _: str) -> str:
    path = request.call.path_values
    return "s3:::" + "/".join(filter(None, (path.get("Bucket"), path.get("Key"))))


def _eks(call: Call) -> str:
    entry = "AccessEntry" in call.operation
    return f"access-entry/{call.path_values['clusterName']}/any" if entry else f"cluster/{call.path_values['name']}"


def _sagemaker(request: Request, place: str) -> str:
    """What an ARN names, or what a name will be; lists and queries name nothing."""
    said, operation = request.said, request.call.operation
    if operation.startswith(("List", "Query")):
        raise KeyError(operation)
    given = [text for text in said.values() if isinstance(text, str) and text.startswith("arn:aws:sagemaker:")]
    if given:
        return given[0].removeprefix("arn:aws:")
    kind, member = _SAGEMAKER[operation]
    return f"sagemaker:{place}:{kind}/{said[member].lower()}"


_SAGEMAKER = {
    "CreateModelPackageGroup": ("model-package-group", "ModelPackageGroupName"),
    "CreateModelPackage": ("model-package-group", "ModelPackageGroupName"),
    "DescribeModelPackage": ("model-package", "ModelPackageName"),
    "CreateArtifact": ("artifact", "ArtifactType"),  # its own name is a hash that IAM cannot know beforehand
    "CreateAction": ("action", "ActionName"),
    "DescribeAction": ("action", "ActionName"),
    "UpdateAction": ("action", "ActionName"),
}
_NAMES: dict[str, Callable[[Request, str], str]] = {
    "s3": _object,
    "dynamodb": lambda r, place: f"dynamodb:{place}:table/{r.said['TableName']}",
    "ssm": lambda r, place: f"ssm:{place}:parameter/{r.said['Name'].lstrip('/')}",
    "eks": lambda r, place: f"eks:{place}:{_eks(r.call)}",
    "lambda": lambda r, place: f"lambda:{place}:function:{r.call.path_values['FunctionName'].rpartition(':')[2]}",
    "events": lambda r, place: f"events:{place}:event-bus/{r.said['Entries'][0].get('EventBusName', 'default')}",
    "sagemaker": _sagemaker,
    "sqs": lambda r, place: f"sqs:{place}:{r.said['QueueUrl'].rpartition('/')[2]}",
}


def _arn(rest: str) -> str:
    return f"arn:aws:{rest}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _allows(statement: Statement, action: str, resource: str) -> bool:
    named = any(fnmatchcase(action.lower(), pattern.lower()) for pattern in _listed(statement.get("Action", [])))
    there = not resource or any(fnmatchcase(resource, pattern) for pattern in _listed(statement.get("Resource", [])))
    return statement["Effect"] == "Allow" and named and there


def _refusal(call: Call, role: str, action: str, resource: str) -> AwsError:
    code, status = _DENIED.get(call.service, ("AccessDeniedException", 400))
    who = f"{role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{call.function}"
    on = f" on resource: {resource}" if resource else ""
    why = f"because no identity-based policy allows the {action} action"
    return AwsError(code, f"User: {who} is not authorized to perform: {action}{on} {why}", status)

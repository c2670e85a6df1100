"""ValidatingAdmissionPolicies: what their expressions in CEL refuse, where a binding says so.

Everybody's new objects are judged, those of controllers too; changes and deletions only when they are asked for over the API, because a controller
that may not go on would leave the cluster half done.
"""

from collections.abc import Iterator
from typing import Any

from localcloud.kubernetes.admission_matches import matches
from localcloud.kubernetes.errors import StatusError, forbidden
from localcloud.kubernetes.expressions import ExpressionError, evaluate, names
from localcloud.kubernetes.objects import Object, name_of
from localcloud.kubernetes.resources import ADMISSION, NAMESPACES, POLICIES, POLICY_BINDINGS
from localcloud.kubernetes.store import Store
from localcloud.kubernetes.writes import Write

_CODES = {"Unauthorized": 401, "Forbidden": 403, "Invalid": 422, "RequestEntityTooLarge": 413}


def require_allowed(store: Store, write: Write) -> None:
    """Raise StatusError in the API server's words when a bound policy denies a write; 422 unless the policy has a reason of its own."""
    if write.resource.group == ADMISSION or (write.user is None and write.operation != "CREATE"):
        return
    for binding in store.all_of(POLICY_BINDINGS):
        policy = store.get(POLICIES, "", binding["spec"]["policyName"])
        if policy is not None and _concerns(store, policy, binding, write):
            _judge(policy, binding, write, _variables(store, write))


def _concerns(store: Store, policy: Object, binding: Object, write: Write) -> bool:
    namespace = store.get(NAMESPACES, "", write.namespace) if write.namespace else None
    where = [policy["spec"]["matchConstraints"], binding["spec"].get("matchResources") or {}]
    return all(matches(one, write, namespace) for one in where)


def _variables(store: Store, write: Write) -> Object:
    user = (
        {"username": write.user.name, "groups": list(write.user.groups)}
        if write.user
        else {"username": "", "groups": []}
    )
    resource = {"group": write.resource.group, "version": write.resource.versions[0], "resource": write.resource.plural}
    request = {
        "operation": write.operation, "name": write.name, "namespace": write.namespace, "userInfo": user, "dryRun": write.dry_run,
        "resource": resource, "kind": {**resource, "kind": write.resource.kind},
    }  # fmt: skip
    namespace = store.get(NAMESPACES, "", write.namespace) if write.namespace else None
    return {"object": write.new, "oldObject": write.old, "request": request, "namespaceObject": namespace}


def _judge(policy: Object, binding: Object, write: Write, variables: Object) -> None:
    """Do what the binding says for every validation that fails: refuse the write, or warn."""
    spec, actions = policy["spec"], binding["spec"]["validationActions"]
    who = f"ValidatingAdmissionPolicy '{name_of(policy)}' with binding '{name_of(binding)}'"
    for reason, message in _denials(spec, variables) if _is_asked(spec, variables) else ():
        if "Deny" in actions:
            raise _denial(write, reason, f"{who} denied request: {message}")
        if "Warn" in actions:
            write.warn(f"Validation failed for {who}: {message}")


def _denial(write: Write, reason: str, why: str) -> StatusError:
    plain = forbidden(write.resource, write.name, why)
    return StatusError(_CODES[reason], reason, plain.message, {**plain.details, "causes": [{"message": why}]})


def _is_asked(spec: Object, variables: Object) -> bool:
    """Tell whether every match condition holds; one that has no value counts as the policy's failure would."""
    try:
        return all(evaluate(one["expression"], variables) is True for one in spec.get("matchConditions") or [])
    except ExpressionError:
        return bool(spec["failurePolicy"] == "Fail")


def _denials(spec: Object, variables: Object) -> Iterator[tuple[str, str]]:
    for validation in spec.get("validations") or []:
        try:
            if _value(spec, validation["expression"], variables) is not True:
                yield validation.get("reason") or "Invalid", _message(spec, validation, variables)
        except ExpressionError as error:
            if spec["failurePolicy"] == "Fail":
                yield "Invalid", f"expression '{validation['expression']}' resulted in error: {error}"


def _value(spec: Object, text: str, variables: Object) -> Any:
    """The value of an expression; the policy's own variables it needs are worked out first."""
    own: Object = {}
    if "variables" in names(text):
        for one in spec.get("variables") or []:
            if f"variables.{one['name']}" in _needed(spec, text):
                own[one["name"]] = evaluate(one["expression"], {**variables, "variables": own})
    return evaluate(text, {**variables, "variables": own})


def _needed(spec: Object, text: str) -> str:
    """An expression with those of every variable that it leads to; a variable knows only those before it."""
    for one in reversed(spec.get("variables") or []):
        if f"variables.{one['name']}" in text:
            text = f"{text}\n{one['expression']}"
    return text


def _message(spec: Object, validation: Object, variables: Object) -> str:
    plain = validation.get("message") or f"failed expression: {validation['expression'].strip()}"
    if not validation.get("messageExpression"):
        return str(plain)
    try:
        made = _value(spec, validation["messageExpression"], variables)
    except ExpressionError:
        return str(plain)
    return made if isinstance(made, str) and made.strip() else str(plain)

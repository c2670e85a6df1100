"""Defaults and rules of batch/v1 Jobs, and Kueue's webhook on them.

The webhook sits here because it is part of the POST's own answer: a labelled Job is never seen unsuspended.
"""

from localcloud.kubernetes import job_policies
from localcloud.kubernetes.errors import Cause, unsupported
from localcloud.kubernetes.objects import Object, dig, labels_of, uid_of
from localcloud.kubernetes.pod_rules import default_spec, spec_causes

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_DEFAULTS: Object = {
    "parallelism": 1,
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "podReplacementPolicy": "TerminatingOrFailed",
    "suspend": False,
}
_NOT_NEGATIVE = (
    "parallelism",
    "completions",
    "backoffLimit",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
)
_UNSUPPORTED = ("managedBy",)
_IMMUTABLE = ("selector", "completionMode", "podFailurePolicy", "successPolicy", "backoffLimitPerIndex")


def admit_job(new: Object, old: Object | None) -> list[Cause]:
    """Default, mutate and check a Job."""
    spec = new.setdefault("spec", {})
    template = spec.setdefault("template", {})
    pod_spec = template.setdefault("spec", {})
    causes = _restart_causes(pod_spec)
    _default_job(spec)
    default_spec(pod_spec)
    if old is None:
        _suspend_when_queued(new)
        _label(new)
    causes += spec_causes(pod_spec, "spec.template.spec") + _number_causes(spec) + _unsupported_causes(spec)
    causes += job_policies.causes(spec)
    return causes + (_change_causes(new, old) if old is not None else [])


def _restart_causes(pod_spec: Object) -> list[Cause]:
    policy = pod_spec.get("restartPolicy")
    path = "spec.template.spec.restartPolicy"
    if policy in ("Never", "OnFailure"):
        return []
    if policy is None:
        return [Cause(path, 'Required value: valid values: "OnFailure", "Never"', "FieldValueRequired")]
    return [unsupported(path, policy, ["OnFailure", "Never"])]


def _default_job(spec: Object) -> None:
    if "parallelism" not in spec and "completions" not in spec:
        spec["completions"] = 1
    job_policies.default(spec)
    for key, value in _DEFAULTS.items():
        spec.setdefault(key, value)


def _suspend_when_queued(job: Object) -> None:
    if labels_of(job).get(QUEUE_LABEL):
        job["spec"]["suspend"] = True


def _label(job: Object) -> None:
    uid, name = uid_of(job), job["metadata"]["name"]
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    for metadata in (job["metadata"], job["spec"]["template"].setdefault("metadata", {})):
        metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    job["spec"]["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def _number_causes(spec: Object) -> list[Cause]:
    causes = [
        Cause(f"spec.{key}", f"Invalid value: {spec[key]}: must be greater than or equal to 0")
        for key in _NOT_NEGATIVE
        if spec.get(key, 0) < 0
    ]
    causes += [
        Cause(f"spec.{key}", f"Invalid value: {spec[key]}: must fit into 32 bits")
        for key in _NOT_NEGATIVE
        if key != "activeDeadlineSeconds" and spec.get(key, 0) >= 2**31
    ]
    if spec["completionMode"] == "Indexed" and "completions" not in spec:
        message = "Required value: when completion mode is Indexed"
        causes.append(Cause("spec.completions", message, "FieldValueRequired"))
    return causes


def _unsupported_causes(spec: Object) -> list[Cause]:
    message = "Forbidden: the local cluster does not support this field"
    return [Cause(f"spec.{key}", message, "FieldValueForbidden") for key in _UNSUPPORTED if key in spec]


def _change_causes(new: Object, old: Object) -> list[Cause]:
    causes = [
        Cause(f"spec.{key}", "Invalid value: field is immutable")
        for key in _immutable(new, old)
        if new["spec"].get(key) != old["spec"].get(key)
    ]
    if labels_of(new).get(QUEUE_LABEL) != labels_of(old).get(QUEUE_LABEL) and not new["spec"]["suspend"]:
        causes.append(Cause(f"metadata.labels[{QUEUE_LABEL}]", "Invalid value: field is immutable"))
    return causes


def _immutable(new: Object, old: Object) -> list[str]:
    may_change_template = old["spec"].get("suspend") and not dig(old, "status", "startTime")
    indexed = new["spec"]["completionMode"] == "Indexed"
    return [*_IMMUTABLE, *([] if may_change_template else ["template"]), *([] if indexed else ["completions"])]

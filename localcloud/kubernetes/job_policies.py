"""What a Job's own rules make of its pods' ends: podFailurePolicy, successPolicy and limits per index.

Pure decisions over objects; reasons and messages are those of the Job controller of Kubernetes 1.36.
"""

from collections.abc import Iterator
from typing import NamedTuple

from localcloud.kubernetes.errors import Cause, unsupported
from localcloud.kubernetes.job_pods import index_of, is_over, read_indexes
from localcloud.kubernetes.objects import Object, dig, name_of, namespace_of

FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
_ACTIONS = ("FailJob", "FailIndex", "Ignore", "Count")


class Verdict(NamedTuple):
    """What a failed pod means for its Job."""

    action: str
    message: str = ""


class Ending(NamedTuple):
    """Why a Job is over."""

    target: str
    reason: str
    message: str


def judge(job: Object, pod: Object) -> Verdict:
    """Give the action of the first rule that a failed pod matches; `Count` when none does."""
    for number, rule in enumerate(dig(job, "spec", "podFailurePolicy", "rules") or []):
        found = _by_exit_code(rule, pod) or _by_condition(rule, pod)
        if found:
            return Verdict(rule["action"], f"{found} matching {rule['action']} rule at index {number}")
    return Verdict("Count")


def _by_exit_code(rule: Object, pod: Object) -> str:
    wanted = rule.get("onExitCodes") or {}
    for status in _ended_containers(pod) if wanted else ():
        code = status["state"]["terminated"]["exitCode"]
        named = wanted.get("containerName") in (None, status["name"])
        if code and named and (code in wanted["values"]) == (wanted["operator"] == "In"):
            return f"Container {status['name']} for pod {namespace_of(pod)}/{name_of(pod)} failed with exit code {code}"
    return ""


def _ended_containers(pod: Object) -> Iterator[Object]:
    status = pod.get("status") or {}
    for one in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if dig(one, "state", "terminated") is not None:
            yield one


def _by_condition(rule: Object, pod: Object) -> str:
    has = {(c["type"], c["status"]) for c in dig(pod, "status", "conditions") or []}
    for pattern in rule.get("onPodConditions") or []:
        if (pattern["type"], pattern.get("status", "True")) in has:
            return f"Pod {namespace_of(pod)}/{name_of(pod)} has condition {pattern['type']}"
    return ""


def success(job: Object, done: set[int]) -> Ending | None:
    """Give the success that the successPolicy sees in the indexes that are done."""
    for number, rule in enumerate(dig(job, "spec", "successPolicy", "rules") or []):
        named = read_indexes(rule["succeededIndexes"]) if "succeededIndexes" in rule else None
        counted = done if named is None else done & named
        wanted = rule.get("succeededCount", len(named or ()))
        if len(counted) >= wanted:
            return Ending("SuccessCriteriaMet", "SuccessPolicy", f"Matched rules at index {number}")
    return None


def too_many_failed(spec: Object, done: set[int], failed: set[int]) -> Ending | None:
    """Give the failure that failed indexes mean: more than allowed, or the others are done."""
    most = spec.get("maxFailedIndexes")
    if most is not None and len(failed) > most:
        message = "Job has exceeded the specified maximal number of failed indexes"
        return Ending("FailureTarget", "MaxFailedIndexesExceeded", message)
    if failed and len(failed) + len(done) >= spec["completions"]:
        return Ending("FailureTarget", "FailedIndexes", "Job has failed indexes")
    return None


def failures_of_index(pod: Object) -> int:
    """Give how often a failed pod's index has failed, itself included."""
    return int((pod["metadata"].get("annotations") or {}).get(FAILURE_COUNT, 0)) + 1


def failures_before(job: Object, pods: list[Object], index: int | None) -> dict[str, str]:
    """Give the annotation by which the pods of one index count its failures, for the next of them."""
    if "backoffLimitPerIndex" not in job["spec"]:
        return {}
    ended = [pod for pod in pods if index_of(pod) == index and is_over(pod, job) and judge(job, pod).action != "Ignore"]
    return {FAILURE_COUNT: str(max(map(failures_of_index, ended), default=0))}


def default(spec: Object) -> None:
    """Fill in what a policy changes of a Job's defaults."""
    if "podFailurePolicy" in spec:
        spec.setdefault("podReplacementPolicy", "Failed")
        for rule in spec["podFailurePolicy"].get("rules") or []:
            for pattern in rule.get("onPodConditions") or []:
                pattern.setdefault("status", "True")
    if "backoffLimitPerIndex" in spec:
        spec.setdefault("backoffLimit", 2**31 - 1)


def causes(spec: Object) -> list[Cause]:
    """Check the policies of a Job whose defaults are filled in."""
    return [*_failure_causes(spec), *_success_causes(spec), *_per_index_causes(spec)]


def _failure_causes(spec: Object) -> Iterator[Cause]:
    if "podFailurePolicy" not in spec:
        return
    if dig(spec, "template", "spec", "restartPolicy") != "Never":
        wrong = dig(spec, "template", "spec", "restartPolicy")
        yield Cause(
            "spec.template.spec.restartPolicy",
            f'Invalid value: "{wrong}": only "Never" is supported when podFailurePolicy is specified',
        )
    for number, rule in enumerate(spec["podFailurePolicy"].get("rules") or []):
        yield from _rule_causes(spec, rule, f"spec.podFailurePolicy.rules[{number}]")


def _rule_causes(spec: Object, rule: Object, path: str) -> Iterator[Cause]:
    if rule.get("action") not in _ACTIONS:
        yield unsupported(f"{path}.action", rule.get("action"), sorted(_ACTIONS))
    if rule.get("action") == "FailIndex" and "backoffLimitPerIndex" not in spec:
        message = 'Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set'
        yield Cause(f"{path}.action", message)
    ways = [key for key in ("onExitCodes", "onPodConditions") if rule.get(key)]
    if len(ways) != 1:
        message = "Invalid value: specifying exactly one of OnExitCodes and OnPodConditions is required"
        yield Cause(path, message)
    codes = rule.get("onExitCodes") or {"operator": "NotIn"}
    if codes.get("operator") not in ("In", "NotIn"):
        yield unsupported(f"{path}.onExitCodes.operator", codes.get("operator"), ["In", "NotIn"])
    if codes["operator"] == "In" and 0 in codes.get("values", ()):
        yield Cause(f"{path}.onExitCodes.values", "Invalid value: 0: must not be 0 for the In operator")


def _success_causes(spec: Object) -> Iterator[Cause]:
    if "successPolicy" not in spec:
        return
    if spec["completionMode"] != "Indexed":
        yield Cause("spec.successPolicy", "Invalid value: requires indexed completion mode")
    rules = spec["successPolicy"].get("rules") or []
    if not rules:
        yield Cause(
            "spec.successPolicy.rules", "Required value: at least one rules must be specified", "FieldValueRequired"
        )
    for number, rule in enumerate(rules):
        if not {"succeededCount", "succeededIndexes"} & rule.keys():
            message = "Required value: at least one of succeededCount or succeededIndexes must be specified"
            yield Cause(f"spec.successPolicy.rules[{number}]", message, "FieldValueRequired")


def _per_index_causes(spec: Object) -> Iterator[Cause]:
    if "backoffLimitPerIndex" in spec and spec["completionMode"] != "Indexed":
        yield Cause("spec.backoffLimitPerIndex", "Invalid value: requires indexed completion mode")
    if "backoffLimitPerIndex" in spec and dig(spec, "template", "spec", "restartPolicy") != "Never":
        message = 'Invalid value: only "Never" is supported when backoffLimitPerIndex is specified'
        yield Cause("spec.template.spec.restartPolicy", message)
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        message = "Required value: when maxFailedIndexes is specified"
        yield Cause("spec.backoffLimitPerIndex", message, "FieldValueRequired")

"""What a step becomes on a cluster, and what its end says.

One batch/v1 Job per step, created suspended under Kueue's labels: quota, not we, decides when it starts. It never restarts by itself
(`backoffLimit: 0`): a second try is an attempt of the run, where everybody sees it.
"""

import json
from typing import Literal

from pydantic import ValidationError

from dropforge import naming
from dropforge.domain.datasets import Dataset
from dropforge.domain.evaluations import Incumbent
from dropforge.domain.failures import Failure, failure
from dropforge.domain.plans import Plan, PlannedStep, fill, model_folder
from dropforge.domain.runs import Run
from dropforge.domain.values import Received, Value

KEEP_SECONDS = 24 * 3600  # a finished Job stays this long for people to look at; its logs are kept elsewhere
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
PRIORITY_LABEL = "kueue.x-k8s.io/priority-class"
LOG_LINES = 200


class Termination(Received):
    """The JSON a container leaves in its termination message, at most 4 KiB."""

    step: str
    ok: bool
    code: str = ""
    cause: str = ""
    next: str = ""


class JobResult(Value):
    """What SubmitJob returns once its job has succeeded."""

    step: str
    job: str
    log_uri: str
    message: dict[str, object]


class JobState(Value):
    """A Job as the watcher sees it."""

    name: str
    phase: Literal["queued", "running", "succeeded", "failed"]
    reason: str = ""
    message: str = ""
    started_at: str = ""


def render(
    plan: Plan, dataset: Dataset, run: Run, step: PlannedStep, incumbent: Incumbent | None = None
) -> dict[str, object]:
    """Return the Job of a step as a Kubernetes object."""
    model = model_folder(run.project, run.id, run.attempt)
    name = naming.job(run.id, run.attempt, step.name)
    labels = _labels(plan, run, step)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": naming.namespace(plan.team),
            "labels": {
                **labels,
                QUEUE_LABEL: naming.queue(plan.team),
                PRIORITY_LABEL: naming.priority(plan.priority),
            },
        },
        "spec": {
            "suspend": True,
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 0,
            "activeDeadlineSeconds": step.deadline_seconds,
            "ttlSecondsAfterFinished": KEEP_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "nodeSelector": {"node.kubernetes.io/instance-type": step.instance_type},
                    "containers": [_container(plan, step, fill(plan, dataset, model, step, incumbent), name)],
                    "volumes": [{"name": "fsx", "persistentVolumeClaim": {"claimName": plan.cluster.claim}}],
                },
            },
        },
    }


def _labels(plan: Plan, run: Run, step: PlannedStep) -> dict[str, str]:
    return {
        "app.kubernetes.io/managed-by": naming.MANAGER,
        naming.label("environment"): plan.environment,
        naming.label("run"): run.id,
        naming.label("attempt"): str(run.attempt),
        naming.label("step"): step.name,
        naming.label("project"): run.project,
    }


def _container(plan: Plan, step: PlannedStep, command: tuple[str, ...], name: str) -> dict[str, object]:
    message_path = f"{plan.cluster.scratch_path}/{name}.termination"
    asked = {"cpu": step.resources.cpu, "memory": step.resources.memory}
    if step.resources.accelerators:
        asked["nvidia.com/gpu"] = str(step.resources.accelerators)
    return {
        "name": "step",
        "image": step.image or plan.image,
        "command": list(command),
        "env": [{"name": "TERMINATION_MESSAGE_PATH", "value": message_path}],
        "resources": {"requests": asked, "limits": {k: v for k, v in asked.items() if k != "cpu"}},
        "volumeMounts": [{"name": "fsx", "mountPath": plan.cluster.mount_path}],
        "terminationMessagePath": message_path,
        "terminationMessagePolicy": "File",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def read_termination(message: str) -> Termination | None:
    """Return a container's termination message, or None when it left none that can be read."""
    try:
        return Termination.model_validate_json(message)
    except ValidationError:
        return None


def explain_failure(state: JobState, termination: Termination | None, log: tuple[str, ...], log_uri: str) -> Failure:
    """Return what a person must know of a failed job: the container's own words before the cluster's."""
    code = "JobDeadlineExceeded" if state.reason == "DeadlineExceeded" else "JobFailed"
    said = termination.cause if termination is not None and termination.cause else ""
    found = failure(
        code,
        said or state.message or "The job failed without saying why.",
        {
            "job": state.name,
            "reason": state.reason,
            "log_uri": log_uri,
            "code": termination.code if termination else None,
        },
        log[-LOG_LINES:],
    )
    if termination is not None and termination.next:
        found = found.model_copy(update={"next": termination.next})
    return found


def succeeded(termination: Termination | None) -> bool:
    """Whether a completed job really did its work: exit status 0 alone is not believed."""
    return termination is not None and termination.ok


def to_json(document: dict[str, object]) -> str:
    """Return a Kubernetes object as the JSON that is sent, keys in order."""
    return json.dumps(document, sort_keys=True)

"""Every name that leaves the house is made here, so that the same thing is called the same everywhere and names fit their limits.

Sources of the limits: Step Functions execution names 80 characters of [0-9A-Za-z_-]; Kubernetes label values 63; Job names 63, of which Kueue
and the pod suffix use up to 16, hence 47.
"""

import hashlib
import re

SOURCE = "dropforge"
MANAGER = "dropforge"  # the field manager of our server-side applies
LABEL = "dropforge.dev"
RUN_SLUG = 17
RUN_ID = 30
JOB_NAME = 47


def slug(text: str, limit: int) -> str:
    """Return `text` as lower-case letters, digits and dashes, starting with a letter, at most `limit` characters."""
    clean = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    lettered = clean if clean[:1].isalpha() else f"d{clean}"
    return lettered[:limit].rstrip("-")


def run(dataset: str, digest: str) -> str:
    """Return the run id of a dataset name and an identity digest (64 hex): `<slug>-<12 hex>`, at most 30 characters."""
    return f"{slug(dataset, RUN_SLUG)}-{digest[:12]}"


def upload(bucket: str, key: str, version_id: str) -> str:
    """Return the id of an upload, 16 hex."""
    return hashlib.sha256("\n".join((bucket, key, version_id)).encode()).hexdigest()[:16]


def execution(project: str, dataset: str, upload_id: str, attempt: int) -> str:
    """Return the execution name of an attempt for an upload, at most 80 characters."""
    return f"{slug(f'{project}-{dataset}', 50)}-{upload_id}-{attempt}"


def repeated_execution(project: str, dataset: str, upload_id: str, repeat: str) -> str:
    """Return the execution name of a scheduled repetition on an upload, at most 80 characters."""
    label = hashlib.sha256(repeat.encode()).hexdigest()[:8]
    return f"{slug(f'{project}-{dataset}', 45)}-{upload_id}-r{label}"


def attempt_execution(run_id: str, attempt: int) -> str:
    """Return the execution name of a run's retried attempt."""
    return f"{run_id}-{attempt}"


def job(run_id: str, attempt: int, step: str) -> str:
    """Return the name of a step's Job, at most 47 characters."""
    return f"{run_id}-{attempt}-{step}"[:JOB_NAME].rstrip("-")


def namespace(team: str) -> str:
    """Return the Kubernetes namespace of a team, as HyperPod task governance names it."""
    return f"hyperpod-ns-{team}"


def queue(team: str) -> str:
    """Return the LocalQueue of a team, as HyperPod task governance names it."""
    return f"{namespace(team)}-localqueue"


def cluster_queue(team: str) -> str:
    """Return the ClusterQueue of a team, which holds its quota, as HyperPod task governance names it."""
    return f"{namespace(team)}-clusterqueue"


def priority(name: str) -> str:
    """Return the WorkloadPriorityClass of a priority, as HyperPod task governance names it."""
    return f"{name}-priority"


def parameter(environment: str, nouns: str, name: str, attribute: str) -> str:
    """Return the name of an SSM parameter, e.g. `/dropforge/dev/clusters/research/spec`."""
    return f"/dropforge/{environment}/{nouns}/{name}/{attribute}"


def function(environment: str, verb_noun: str) -> str:
    """Return the deployed name of a function, e.g. `dropforge-dev-describe-run`."""
    return f"dropforge-{environment}-{verb_noun.replace('_', '-')}"


def label(noun: str) -> str:
    """Return the Kubernetes label of a noun, e.g. `dropforge.dev/run`."""
    return f"{LABEL}/{noun}"


def model_group(project: str, dataset: str) -> str:
    """Return the model package group of a project's dataset: one line of versions, at most 63 characters.

    Names of ours never hold two dashes in a row, so the separator keeps `a-b`/`c` apart from `a`/`b-c`.
    """
    return f"{project}--{dataset}"

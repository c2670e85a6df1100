"""What we do on a cluster: apply a Job, list, read logs, delete, and read that nothing is left.

Lists are read in pages of 500 from raw bytes (domain/observed.py). When the server has forgotten where a list goes on (410), it is read again
from the start; what was given already is not given twice, so a caller sees each object once, as it was at some moment of the listing.
"""

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from msgspec.json import Decoder

from dropforge import naming
from dropforge.adapters.connections import Connection, Query, request, status_of
from dropforge.domain import observed
from dropforge.domain.observed import Job, Page, Workload
from dropforge.errors import Conflict, InvalidInput, NotReady, Unavailable

PAGE = 500
RESTARTS = 3  # of a list that takes longer to read than the server remembers
JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"
PODS = "/api/v1/namespaces/{namespace}/pods"
KUEUE = "/apis/kueue.x-k8s.io"
KUEUE_VERSIONS = ("v1beta2", "v1beta1")  # the newest first; what we read is the same in both

Item = TypeVar("Item")
Listed = TypeVar("Listed", Job, Workload)

_DOCUMENTS: Decoder[Page[dict[str, Any]]] = Decoder(Page[dict[str, Any]])


class Terminated(NamedTuple):
    """How a pod's container ended."""

    pod: str
    message: str
    exit_code: int


def apply(connection: Connection, manifest: dict[str, Any]) -> None:
    """Create a Job by server-side apply, unless it exists: what Kueue has changed since is not ours to change back.

    When the answer to the first try is lost, Kueue may have changed the Job before the second, which is then a conflict with what we have made.
    """
    metadata = manifest["metadata"]
    path = JOBS.format(namespace=metadata["namespace"]) + "/" + metadata["name"]
    if _read(connection, path) is not None:
        return
    try:
        request(connection, "PATCH", path, [("fieldManager", naming.MANAGER), ("fieldValidation", "Strict")], manifest)
    except Conflict:
        if _read(connection, path) is None:
            raise


def _read(connection: Connection, path: str, query: Query | None = None) -> bytes | None:
    try:
        return request(connection, "GET", path, query)
    except InvalidInput as problem:
        if status_of(problem) == 404:
            return None
        raise


def list_jobs(connection: Connection, namespace: str, selector: str) -> Iterator[Job]:
    """Yield the Jobs that a label selector matches."""
    yield from _listed(connection, JOBS.format(namespace=namespace), selector, observed.JOBS)


def list_workloads(connection: Connection, namespace: str) -> Iterator[Workload]:
    """Yield Kueue's Workloads of a namespace, in the newest version that the cluster serves."""
    path = f"{KUEUE}/{_kueue_version(connection)}/namespaces/{namespace}/workloads"
    yield from _listed(connection, path, "", observed.WORKLOADS)


def list_queueing(connection: Connection, plural: str, namespace: str = "") -> list[dict[str, Any]]:
    """Return Kueue's objects of a kind whole; those of the cluster where no namespace is named."""
    place = f"namespaces/{namespace}/" if namespace else ""
    path = f"{KUEUE}/{_kueue_version(connection)}/{place}{plural}"
    return [item for page in _pages(connection, path, "", _DOCUMENTS) for item in page.items or ()]


def _kueue_version(connection: Connection) -> str:
    """Ask once per connection which version of Kueue is served. Raises InvalidInput (ClusterRefused) when none is."""
    if not connection.kueue_version:
        found = _read(connection, KUEUE)
        served = {version["version"] for version in json.loads(found)["versions"]} if found else set()
        known = [version for version in KUEUE_VERSIONS if version in served]
        if not known:
            why = (
                f"The cluster serves no version of Kueue that we know ({', '.join(KUEUE_VERSIONS)}): {sorted(served)}."
            )
            raise InvalidInput("ClusterRefused", why, {"path": KUEUE})
        connection.kueue_version = known[0]
    return connection.kueue_version


def _listed(connection: Connection, path: str, selector: str, decoder: Decoder[Page[Listed]]) -> Iterator[Listed]:
    given: set[str] = set()
    for page in _pages(connection, path, selector, decoder):
        for item in page.items or ():
            if item.metadata.name not in given:
                given.add(item.metadata.name)
                yield item


def _pages(connection: Connection, path: str, selector: str, decoder: Decoder[Page[Item]]) -> Iterator[Page[Item]]:
    """Yield the pages of a list, from the start again after a 410. Raises Unavailable when that happens too often."""
    query = [("limit", str(PAGE)), *([("labelSelector", selector)] if selector else [])]
    token, left = "", RESTARTS
    while True:
        try:
            answer = request(connection, "GET", path, [*query, ("continue", token)] if token else query)
        except InvalidInput as problem:
            if status_of(problem) != 410 or not token:
                raise
            if left == 0:
                why = f"{path}: the list could not be read to its end {RESTARTS + 1} times."
                raise Unavailable("ClusterUnreachable", why, {"path": path}) from problem
            token, left = "", left - 1
            continue
        page = decoder.decode(answer)
        yield page
        token = page.metadata.go_on
        if not token:
            return


def pods(connection: Connection, namespace: str, selector: str) -> list[dict[str, Any]]:
    """Return the pods that a label selector matches."""
    pages = _pages(connection, PODS.format(namespace=namespace), selector, _DOCUMENTS)
    found = {pod["metadata"]["name"]: pod for page in pages for pod in page.items or ()}
    return list(found.values())


def terminated(connection: Connection, namespace: str, job: str) -> Terminated | None:
    """Return how the newest ended pod of a Job ended, or None while there is none."""
    ended: list[tuple[str, Terminated]] = []
    for pod in pods(connection, namespace, f"batch.kubernetes.io/job-name={job}"):
        for status in pod.get("status", {}).get("containerStatuses", []):
            state = status.get("state", {}).get("terminated")
            if state:
                found = Terminated(pod["metadata"]["name"], state.get("message", ""), state["exitCode"])
                ended.append((state.get("finishedAt") or "", found))
    return max(ended)[1] if ended else None


def log(connection: Connection, namespace: str, pod: str, lines: int, *, timed: bool = False) -> list[str]:
    """Return the last `lines` lines of a pod's log; none when the pod is gone or has not started. `timed` lines start with their time."""
    path = PODS.format(namespace=namespace) + f"/{pod}/log"
    query = [("tailLines", str(lines)), *([("timestamps", "true")] if timed else [])]
    try:
        text = _read(connection, path, query)
    except InvalidInput as problem:
        if status_of(problem) == 400:  # "container is waiting to start"
            return []
        raise
    return text.decode(errors="replace").splitlines() if text else []


def delete_job(connection: Connection, namespace: str, name: str) -> None:
    """Delete one Job with its pods; one that is not there is deleted."""
    try:
        request(
            connection, "DELETE", f"{JOBS.format(namespace=namespace)}/{name}", [("propagationPolicy", "Background")]
        )
    except InvalidInput as problem:
        if status_of(problem) != 404:
            raise


def delete_jobs(connection: Connection, namespace: str, selector: str) -> None:
    """Delete the Jobs that a label selector matches, with their pods."""
    query = [("labelSelector", selector), ("propagationPolicy", "Background")]
    request(connection, "DELETE", JOBS.format(namespace=namespace), query)


def wait_gone(connection: Connection, namespace: str, selector: str, seconds: int) -> None:
    """Return when a read finds no Job and no pod that the selector matches. Raises NotReady (JobsNotGone) after `seconds`.

    Pods get their grace period to stop (30 s by default), so a first look is nearly always too early.
    """
    end = time.monotonic() + seconds
    while True:
        left = [job.metadata.name for job in list_jobs(connection, namespace, selector)]
        left += [pod["metadata"]["name"] for pod in pods(connection, namespace, selector)]
        if not left:
            return
        if time.monotonic() > end:
            break
        time.sleep(1)
    raise NotReady("JobsNotGone", f"{len(left)} objects are still there.", {"objects": left[:10]})

"""One pass of the watcher over N jobs and their Workloads, against the same pass with json.loads and the kubernetes package's models.

Both read the same bytes over HTTP from a server in another process, so that its work is nobody's.
"""

import copy
import json
import math
import multiprocessing
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection as Pipe
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dropforge import naming
from dropforge.adapters import cluster
from dropforge.adapters.connections import Connection
from dropforge.domain import observed
from dropforge.domain.jobs import render
from dropforge.domain.waiting import managed
from kubernetes.client import ApiClient, BatchV1Api, Configuration, CustomObjectsApi

from benchmarks.measure import Figure, compare
from tests import builders

MANAGED = managed("test")

NAMESPACE = naming.namespace(builders.PROJECT.team)
AT = "2026-11-26T10:00:00Z"


def a_job(base: dict[str, Any], number: int) -> dict[str, Any]:
    """A running Job as an API server gives it, with what controllers and field managers add to what we apply (`base`)."""
    job = copy.deepcopy(base)
    job["spec"]["suspend"] = False
    name, uid = f"birds-{number:012x}-1-train", f"0b1d7a54-6a0f-4a3f-9d0e-{number:012x}"
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    job["metadata"] |= {
        "name": name,
        "uid": uid,
        "resourceVersion": str(number),
        "generation": 2,
        "creationTimestamp": AT,
    }
    job["metadata"]["labels"] |= labels
    job["metadata"]["managedFields"] = [
        _managed(manager) for manager in ("dropforge", "kueue", "kube-controller-manager")
    ]
    resumed = {"type": "Suspended", "status": "False", "reason": "JobResumed", "message": "Job resumed"}
    condition = {**resumed, "lastProbeTime": AT, "lastTransitionTime": AT}
    job["status"] = {
        "conditions": [condition],
        "active": 1,
        "ready": 1,
        "startTime": AT,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }
    return job


def applied() -> dict[str, Any]:
    """A Job as we apply it."""
    options = [f"--option-{number}={{steps}}" for number in range(30)]
    plan = builders.planned(by=builders.recipe(builders.step("train", "train", *options)))
    return render(plan, builders.dataset(), builders.run(of=plan), plan.steps[-1])


def _managed(manager: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        f"f:{name}": {} for name in ("parallelism", "completions", "backoffLimit", "suspend", "activeDeadlineSeconds")
    }
    container: dict[str, Any] = {
        f"f:{name}": {} for name in ("name", "image", "command", "env", "resources", "volumeMounts")
    }
    template = {
        "f:spec": {
            "f:containers": {'k:{"name":"step"}': {".": {}, **container}},
            "f:restartPolicy": {},
            "f:volumes": {},
        }
    }
    said = {"f:metadata": {"f:labels": fields}, "f:spec": {**fields, "f:template": template}}
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": "batch/v1",
        "time": AT,
        "fieldsType": "FieldsV1",
        "fieldsV1": said,
    }


def a_workload(job: dict[str, Any]) -> dict[str, Any]:
    """The Workload of a Job, admitted."""
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    owner = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    said = (("QuotaReserved", "Quota reserved in ClusterQueue vision"), ("Admitted", "The workload is admitted"))
    conditions = [{"type": t, "status": "True", "reason": t, "message": m, "lastTransitionTime": AT} for t, m in said]
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {"name": f"job-{name}-0a1b2", "uid": uid, "creationTimestamp": AT, "ownerReferences": [owner]},
        "spec": {
            "podSets": [{"name": "main", "count": 1, "template": job["spec"]["template"]}],
            "queueName": "vision",
            "priority": 75,
        },
        "status": {"conditions": conditions, "admission": {"clusterQueue": "vision"}},
    }


def serve(size: int, pipe: Pipe) -> None:
    """Serve the lists of `size` jobs and Workloads in pages, and count the requests, until told to stop."""
    base = applied()
    jobs = [a_job(base, number) for number in range(size)]
    lists = {
        "jobs": _pages("batch/v1", "JobList", jobs),
        "workloads": _pages("kueue.x-k8s.io/v1beta2", "WorkloadList", [a_workload(job) for job in jobs]),
    }
    counts = dict.fromkeys(lists, 0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            kind = parts.path.rpartition("/")[2]
            if kind in counts:
                counts[kind] += 1
            asked = parse_qs(parts.query).get("continue", ["0"])[0]
            body = lists[kind][int(asked)] if kind in lists else json.dumps(counts).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send((server.server_address[1], sum(map(len, lists["jobs"])) / size))
    server.serve_forever()


def _pages(version: str, kind: str, items: list[dict[str, Any]]) -> list[bytes]:
    """Each page as bytes; the number of the next one is its `continue`."""
    parts = [items[at : at + cluster.PAGE] for at in range(0, len(items), cluster.PAGE)]
    envelope = {"apiVersion": version, "kind": kind}
    nexts = [*({"continue": str(n)} for n in range(1, len(parts))), {}]
    return [
        json.dumps({**envelope, "metadata": {"resourceVersion": "9", **more}, "items": part}).encode()
        for part, more in zip(parts, nexts, strict=True)
    ]


@contextmanager
def served(size: int) -> Iterator[tuple[str, float]]:
    """A server in a process of its own; gives its URL and the bytes of one Job."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(size, there), daemon=True)
    process.start()
    port, bytes_each = here.recv()
    try:
        yield f"http://127.0.0.1:{port}", bytes_each
    finally:
        process.terminate()
        process.join()


def our_pass(connection: Connection, names: set[str]) -> int:
    """What `watch.look` reads: the state and the queueing of every job that somebody waits for."""
    states = observed.states(cluster.list_jobs(connection, NAMESPACE, MANAGED), names)
    queueing = observed.queueing(cluster.list_workloads(connection, NAMESPACE), names)
    return sum(state.phase == "running" and queueing[name].admitted_at is not None for name, state in states.items())


def packages_pass(api: ApiClient, names: set[str]) -> int:
    """The same with the package's client: Jobs as its models, Workloads, which it has no models for, as dictionaries."""
    running, admitted, token = set[str](), set[str](), ""
    while True:
        page = BatchV1Api(api).list_namespaced_job(
            NAMESPACE, label_selector=MANAGED, limit=cluster.PAGE, _continue=token or None
        )
        running |= {job.metadata.name for job in page.items if not job.spec.suspend and job.status.active}
        token = page.metadata._continue
        if not token:
            break
    listing = CustomObjectsApi(api).list_namespaced_custom_object
    while True:
        found = listing(
            "kueue.x-k8s.io", "v1beta2", NAMESPACE, "workloads", limit=cluster.PAGE, _continue=token or None
        )
        for workload in found["items"]:
            conditions = {c["type"]: c["status"] for c in workload["status"]["conditions"]}
            admitted |= {
                o["name"] for o in workload["metadata"]["ownerReferences"] if conditions.get("Admitted") == "True"
            }
        token = found["metadata"].get("continue")
        if not token:
            break
    return len(running & admitted & names)


def run(size: int, rounds: int) -> list[Figure]:
    """Measure passes over `size` jobs."""
    names = {f"birds-{number:012x}-1-train" for number in range(size)}
    with served(size) as (url, bytes_each):
        api = ApiClient(Configuration(host=url))
        connection = Connection(api, builders.CLUSTER, "reader", fresh_until=math.inf, kueue_version="v1beta2")
        assert our_pass(connection, names) == packages_pass(api, names) == size  # noqa: S101  both must see the same
        ours, theirs, ratio = compare(lambda: our_pass(connection, names), lambda: packages_pass(api, names), rounds)
        before = _counts(api)
        peak = _peak_megabytes(connection, names)
        requests = {kind: count - before[kind] for kind, count in _counts(api).items()}
    pages = math.ceil(size / cluster.PAGE)
    return [
        Figure("size of a Job", bytes_each / 1000, "kB"),
        Figure("a pass, CPU", ours, "s"),
        Figure("the same with json.loads and the package's models, CPU", theirs, "s"),
        Figure("ratio", ratio, "x", 0.2),
        Figure("peak of memory during a pass", peak, "MB", 40),
        *(Figure(f"requests for {kind}", count, "", pages) for kind, count in requests.items()),
    ]


def _counts(api: ApiClient) -> dict[str, int]:
    found: dict[str, int] = json.loads(api.rest_client.request("GET", f"{api.configuration.host}/counts").data)
    return found


def _peak_megabytes(connection: Connection, names: set[str]) -> float:
    tracemalloc.start()
    our_pass(connection, names)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6

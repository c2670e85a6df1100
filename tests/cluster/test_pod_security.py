"""What any API server forbids pods in a namespace that has a level of Pod Security."""

from typing import Any

import pytest

from tests.cluster.probe import Json, Probe, Reply

ENFORCE = "pod-security.kubernetes.io/enforce"
SAFE: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def enforce(probe: Probe, level: str) -> Reply:
    return probe.patch(f"/api/v1/namespaces/{probe.namespace}", {"metadata": {"labels": {ENFORCE: level}}})


def pod(probe: Probe, container: Json | None = None, **spec: Any) -> Reply:
    whole = {"name": "c", "image": "none.local/i", **(container or {})}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    return probe.post(f"{probe.pods}?dryRun=All", {**body, "spec": {"containers": [whole], **spec}})


def breaks(probe: Probe, level: str, reply: Reply) -> str:
    assert (reply.code, reply.reason) == (403, "Forbidden"), reply.body
    start = f'pods "a" is forbidden: violates PodSecurity "{level}:latest": '
    assert reply.body["message"].startswith(start), reply.body["message"]
    return str(reply.body["message"].removeprefix(start))


@pytest.mark.parametrize(("container", "spec", "broken"), [
    ({"securityContext": {"privileged": True}}, {},
     'privileged (container "c" must not set securityContext.privileged=true)'),
    ({}, {"hostNetwork": True, "hostPID": True}, "host namespaces (hostNetwork=true, hostPID=true)"),
    ({}, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, 'hostPath volumes (volume "v")'),
    ({"ports": [{"containerPort": 80, "hostPort": 80}]}, {}, 'hostPort (container "c" uses hostPort 80)'),
    ({"securityContext": {"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}}}, {},
     'non-default capabilities (container "c" must not include "SYS_ADMIN" in securityContext.capabilities.add)'),
    ({}, {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
     'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")'),
    ({}, {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, "forbidden sysctls (kernel.msgmax)"),
])  # fmt: skip
def test_baseline_forbids_what_reaches_the_node(probe: Probe, container: Json, spec: Json, broken: str) -> None:
    assert enforce(probe, "baseline").code == 200
    assert breaks(probe, "baseline", pod(probe, container, **spec)) == broken


def test_baseline_allows_a_plain_pod(probe: Probe) -> None:
    enforce(probe, "baseline")
    assert pod(probe).code == 201


def test_restricted_wants_everything_said(probe: Probe) -> None:
    enforce(probe, "restricted")
    assert breaks(probe, "restricted", pod(probe)) == (
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
    )


@pytest.mark.parametrize(("security", "spec", "broken"), [
    ({"runAsUser": 0}, {}, 'runAsUser=0 (container "c" must not set runAsUser=0)'),
    ({"runAsNonRoot": False}, {}, 'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)'),
    ({}, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
     'restricted volume types (volume "v" uses restricted volume type "hostPath")'),
    ({}, {"hostIPC": True}, "host namespaces (hostIPC=true)"),
])  # fmt: skip
def test_restricted_forbids_more(probe: Probe, security: Json, spec: Json, broken: str) -> None:
    enforce(probe, "restricted")
    assert breaks(probe, "restricted", pod(probe, {"securityContext": {**SAFE, **security}}, **spec)) == broken


def test_restricted_allows_a_pod_that_gives_up_everything(probe: Probe) -> None:
    enforce(probe, "restricted")
    assert pod(probe, {"securityContext": SAFE}).code == 201
    said_once = {key: SAFE[key] for key in ("runAsNonRoot", "seccompProfile")}
    container = {"securityContext": {key: SAFE[key] for key in SAFE if key not in said_once}}
    assert pod(probe, container, securityContext=said_once).code == 201


def test_without_a_level_everything_is_allowed(probe: Probe) -> None:
    enforce(probe, "privileged")
    assert pod(probe, {"securityContext": {"privileged": True}}, hostNetwork=True).code == 201


def test_a_level_that_does_not_exist_is_invalid(probe: Probe) -> None:
    reply = enforce(probe, "severe")
    assert (reply.code, reply.body["details"]["causes"][0]["field"]) == (422, f"metadata.labels[{ENFORCE}]")


def test_a_job_is_taken_and_its_forbidden_pod_never_comes(probe: Probe, eventually: Any) -> None:
    enforce(probe, "restricted")
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "none.local/i"}]}}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": {"template": template}}
    assert probe.post(probe.jobs, body).code == 201
    events = f"/api/v1/namespaces/{probe.namespace}/events?fieldSelector=involvedObject.name%3Da"
    (event, *_) = eventually(lambda: [e for e in probe.get(events).body["items"] if e["reason"] == "FailedCreate"])
    assert 'is forbidden: violates PodSecurity "restricted:latest"' in event["message"]
    assert probe.get(probe.pods).names == []

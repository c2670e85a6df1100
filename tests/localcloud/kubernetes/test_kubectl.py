"""kubectl against the local cluster, with the kubeconfig that it gives: what people type first."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud.kubernetes import LocalCluster
from tests.localcloud.kubernetes.conftest import IMAGE, Team

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(cluster: LocalCluster, team: Team, tmp_path: Path) -> Kubectl:
    config = tmp_path / "kubeconfig"
    config.write_text(cluster.kubeconfig())

    def run(*words: str, given: str = "", code: int = 0) -> str:
        command = ["kubectl", "--kubeconfig", str(config), "--namespace", team.namespace, *words]
        ended = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == code, ended.stderr
        return ended.stdout + ended.stderr

    return run


def job(name: str) -> str:
    container = {"name": "main", "image": IMAGE, "command": ["/bin/sh", "-c", "echo hello"]}
    spec = {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    return json.dumps({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec})


def config_map(**values: str) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": values})


def test_a_job_is_applied_waited_for_shown_described_read_and_deleted(kubectl: Kubectl) -> None:
    assert "job.batch/j created" in kubectl("apply", "-f", "-", given=job("j"))
    assert "condition met" in kubectl("wait", "--for=condition=complete", "job/j", "--timeout=20s")
    head, row = kubectl("get", "jobs").splitlines()
    assert head.split() == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
    assert row.split()[:3] == ["j", "Complete", "1/1"]
    assert "Completed" in kubectl("get", "pods")
    described = kubectl("describe", "job", "j")
    assert "1 Succeeded" in described
    assert "Job completed" in described
    assert kubectl("logs", "job/j") == "hello\n"
    assert "deleted" in kubectl("delete", "job", "j")
    assert "No resources found" in kubectl("get", "jobs")


def definition(group: str) -> str:
    spec = {"type": "object", "properties": {"size": {"type": "integer", "description": "how big"}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": spec}}},
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]}  # fmt: skip
    names = {"plural": "widgets", "kind": "Widget", "shortNames": ["wi"]}
    body = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    head = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    return json.dumps({**head, "metadata": {"name": f"widgets.{group}"}, "spec": body})


def test_a_custom_kind_is_defined_explained_applied_and_shown(kubectl: Kubectl, team: Team) -> None:
    group = f"{team.namespace}.example.com"
    kubectl("apply", "-f", "-", given=definition(group))
    assert "condition met" in kubectl("wait", "--for=condition=established", f"crd/widgets.{group}", "--timeout=20s")
    assert "how big" in kubectl("explain", "widgets.spec.size", f"--api-version={group}/v1")
    body = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 3}}
    assert "created" in kubectl("apply", "-f", "-", given=json.dumps(body))
    head, row = kubectl("get", "wi").splitlines()
    assert (head.split(), row.split()) == (["NAME", "SIZE"], ["w", "3"])
    wrong = kubectl("apply", "-f", "-", given=json.dumps({**body, "spec": {"size": "x"}}), code=1)
    assert "spec.size in body must be of type integer" in wrong
    assert "deleted" in kubectl("delete", "crd", f"widgets.{group}")


def test_a_server_side_apply_of_another_manager_conflicts_until_it_is_forced(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", given=config_map(a="1"))
    refused = kubectl("apply", "--server-side", "--field-manager=two", "-f", "-", given=config_map(a="2"), code=1)
    assert "conflict" in refused
    assert ".data.a" in refused
    kubectl("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", "-", given=config_map(a="2"))
    assert kubectl("get", "cm", "m", "-o", "jsonpath={.data.a}") == "2"


def test_an_apply_on_the_client_twice_changes_nothing_and_drops_what_is_gone(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=config_map(a="1", b="2"))
    assert "unchanged" in kubectl("apply", "-f", "-", given=config_map(a="1", b="2"))
    assert "configured" in kubectl("apply", "-f", "-", given=config_map(a="1"))
    assert kubectl("get", "cm", "m", "-o", "jsonpath={.data}") == '{"a":"1"}'


def test_a_field_that_does_not_exist_is_refused_by_the_server(kubectl: Kubectl) -> None:
    wrong = job("typo").replace("backoffLimit", "backofLimit")
    assert 'unknown field "spec.backofLimit"' in kubectl("apply", "-f", "-", given=wrong, code=1)


def test_warnings_are_shown(kubectl: Kubectl) -> None:
    wrong = job("typo").replace("backoffLimit", "backofLimit")
    assert 'Warning: unknown field "spec.backofLimit"' in kubectl("create", "--validate=warn", "-f", "-", given=wrong)
    old = kubectl("get", "clusterqueues.v1beta1.kueue.x-k8s.io")
    assert "Warning: This version is deprecated. Use v1beta2 instead." in old


def test_a_watch_shows_what_changes(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=job("seen"))
    kubectl("wait", "--for=condition=complete", "job/seen", "--timeout=20s")
    assert "seen" in kubectl("get", "jobs", "--watch", "--request-timeout=1s")


def test_everybody_can_ask_what_they_may_and_who_they_are(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "delete", "jobs") == "yes\n"
    assert "system:masters" in kubectl("auth", "whoami")
    assert "Non-Resource URLs" in kubectl("auth", "can-i", "--list")


def test_fields_are_explained(kubectl: Kubectl) -> None:
    assert "desired number of pods" in kubectl("explain", "job.spec.parallelism")


@pytest.mark.parametrize("short", ["ns", "no", "po", "cm", "cq", "lq", "wl"])
def test_kinds_have_their_short_names(kubectl: Kubectl, short: str) -> None:
    assert "short name" not in kubectl("get", short)

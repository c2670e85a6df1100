"""A cluster as a whole: its address and certificate, failures on demand, and that it leaves nothing behind."""

import ssl
import threading
import time
from pathlib import Path

import kubernetes.client
import pytest
import urllib3
import yaml
from cryptography import x509

from localcloud.kubernetes import Image, LocalCluster
from tests.localcloud.kubernetes.anybody import anybody

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def fresh(tmp_path):
    images = {"tool": Image("tool", DIGEST, tmp_path, {})}
    with LocalCluster("fresh", tmp_path / "cluster", images=images, tokens=anybody, speed=100) as running:
        yield running


def start_sleeper(cluster):
    container = {"name": "c", "image": f"x/tool@{DIGEST}", "command": ["sh", "-c", "echo $$$$; sleep 60"]}
    core = kubernetes.client.CoreV1Api(cluster.client())
    core.create_namespaced_pod("default", {"metadata": {"name": "p"}, "spec": {"containers": [container]}})
    return core


def test_a_stopped_cluster_leaves_no_thread_and_no_process(tmp_path, eventually):
    before = set(threading.enumerate())
    images = {"tool": Image("tool", DIGEST, tmp_path, {})}
    with LocalCluster("short", tmp_path / "cluster", images=images, tokens=anybody) as running:
        core = start_sleeper(running)
        eventually(lambda: core.read_namespaced_pod("p", "default").status.phase == "Running")
        log = next((tmp_path / "cluster").rglob("c.log"))
        eventually(log.read_text)
        pid = int(log.read_text())
        assert Path(f"/proc/{pid}").exists()
        core.api_client.rest_client.pool_manager.clear()
    assert not Path(f"/proc/{pid}").exists()
    eventually(lambda: set(threading.enumerate()) <= before)


def test_clusters_live_side_by_side(fresh, cluster):
    kubernetes.client.CoreV1Api(fresh.client()).create_namespace({"metadata": {"name": "only-here"}})
    others = kubernetes.client.CoreV1Api(cluster.client()).list_namespace().items
    assert "only-here" not in [namespace.metadata.name for namespace in others]


def test_the_authority_has_a_key_identifier_the_server_refers_to(fresh):
    authority = x509.load_pem_x509_certificate(fresh.ca_pem.encode())
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    refers = authority.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert identifier == refers


def test_a_strict_verifier_accepts_the_chain(fresh):
    context = ssl.create_default_context(cadata=fresh.ca_pem)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert urllib3.PoolManager(ssl_context=context).request("GET", f"{fresh.endpoint}/readyz").status == 200


def test_a_client_that_does_not_know_the_authority_refuses_the_server(fresh):
    with pytest.raises(urllib3.exceptions.SSLError):
        urllib3.PoolManager(retries=False).request("GET", f"{fresh.endpoint}/version")


def test_a_silent_connection_does_not_stop_the_others(fresh):
    host, port = fresh.endpoint.removeprefix("https://").split(":")
    silent = urllib3.connection.HTTPConnection(host, int(port))
    silent.connect()
    assert kubernetes.client.VersionApi(fresh.client()).get_code().major == "1"
    silent.close()


def test_the_kubeconfig_names_this_cluster(fresh):
    document = yaml.safe_load(fresh.kubeconfig())
    assert document["clusters"][0]["cluster"]["server"] == fresh.endpoint
    assert document["current-context"] == "fresh"


def test_only_so_many_requests_are_refused(fresh):
    core = kubernetes.client.CoreV1Api(fresh.client())
    fresh.refuse(2, status=503, retry_after=7)
    for _ in range(2):
        with pytest.raises(kubernetes.client.ApiException) as refused:
            core.list_namespace()
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "7")
    assert core.list_namespace().items


def test_only_the_verb_and_resource_asked_for_are_refused(fresh):
    core = kubernetes.client.CoreV1Api(fresh.client())
    fresh.refuse(1, status=429, verb="create", resource="configmaps")
    assert core.list_namespaced_config_map("default").items == []
    with pytest.raises(kubernetes.client.ApiException) as refused:
        core.create_namespaced_config_map("default", {"metadata": {"name": "m"}})
    assert refused.value.status == 429
    core.create_namespaced_config_map("default", {"metadata": {"name": "m"}})


def test_a_paused_api_is_unreachable_and_comes_back_with_its_objects(fresh):
    core = kubernetes.client.CoreV1Api(fresh.client())
    core.create_namespaced_config_map("default", {"metadata": {"name": "m"}})
    fresh.pause()
    with pytest.raises((urllib3.exceptions.HTTPError, ConnectionError)):
        core.read_namespaced_config_map("m", "default")
    fresh.resume()
    assert core.read_namespaced_config_map("m", "default").metadata.name == "m"


def test_an_old_watch_and_an_old_page_are_expired_after_a_compaction(fresh):
    core = kubernetes.client.CoreV1Api(fresh.client())
    for name in ("a", "b"):
        core.create_namespaced_config_map("default", {"metadata": {"name": name}})
    first = core.list_namespaced_config_map("default", limit=1).metadata
    fresh.expire()
    with pytest.raises(kubernetes.client.ApiException) as page:
        core.list_namespaced_config_map("default", _continue=first._continue)
    assert page.value.status == 410
    watch = kubernetes.watch.Watch().stream(core.list_namespaced_config_map, "default", resource_version="1")
    with pytest.raises(kubernetes.client.ApiException) as old:
        next(iter(watch))
    assert old.value.status == 410


def test_an_idle_cluster_uses_almost_no_processor(fresh):
    time.sleep(0.2)
    before = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - before < 0.1


def test_a_job_is_applied_with_a_field_manager_and_strict_validation(fresh):
    batch = kubernetes.client.BatchV1Api(fresh.client())
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x/none"}]}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"},
            "spec": {"suspend": True, "template": {"spec": pod}}}  # fmt: skip
    options = {
        "field_manager": "dropforge",
        "field_validation": "Strict",
        "_content_type": "application/apply-patch+yaml",
    }
    made = batch.patch_namespaced_job("j", "default", body, **options)
    again = batch.patch_namespaced_job("j", "default", body, **options)
    assert made.metadata.uid == again.metadata.uid
    assert {entry.manager for entry in again.metadata.managed_fields} >= {"dropforge"}

"""A pod is a real program on this machine: its environment, its end, its logs, its waits."""

import json
import os
import sys
import time
from pathlib import Path

import kubernetes
import pytest
from kubernetes.client import ApiException

OTHER_IMAGE = "registry.local/tool@sha256:" + "b" * 64


def terminated(pod):
    return pod.status.container_statuses[0].state.terminated


def waiting(team, name):
    statuses = team.read_pod(name).status.container_statuses or []
    return statuses[0].state.waiting if statuses else None


def test_a_program_that_ends_well_succeeds(team):
    team.pod("p", "echo hello")
    pod = team.pod_is("p", "Succeeded")
    assert (terminated(pod).exit_code, terminated(pod).reason) == (0, "Completed")
    assert team.log("p") == "hello\n"


def test_a_program_that_fails_fails(team):
    team.pod("p", "echo bad >&2; exit 3")
    pod = team.pod_is("p", "Failed")
    assert (terminated(pod).exit_code, terminated(pod).reason) == (3, "Error")
    assert team.log("p") == "bad\n"


def test_python_runs_a_package_of_the_image(team):
    team.pod("p", command=["python", "-m", "greeter"])
    team.pod_is("p", "Succeeded")
    assert team.log("p") == "hello from the image\n"


def test_the_environment_is_the_manifests_and_not_the_hosts(team, monkeypatch):
    monkeypatch.setenv("HOST_SECRET", "leaked")
    script = "import json, os; print(json.dumps(dict(os.environ)))"
    team.pod("p", command=["python", "-c", script], env=[{"name": "MINE", "value": "1"}])
    team.pod_is("p", "Succeeded")
    env = json.loads(team.log("p"))
    assert (env["MINE"], env["FROM_IMAGE"]) == ("1", "yes")
    assert env["PATH"].startswith(str(Path(sys.executable).parent))
    assert env.keys() - {"LC_CTYPE"} == {"MINE", "FROM_IMAGE", "PATH", "HOME", "PYTHONPATH"}
    assert env["HOME"] != os.environ.get("HOME")


def test_variables_come_from_fields_secrets_and_maps(team):
    team.core.create_namespaced_secret(team.namespace, {"metadata": {"name": "s"}, "data": {"k": "c2VjcmV0"}})
    team.core.create_namespaced_config_map(team.namespace, {"metadata": {"name": "m"}, "data": {"k": "mapped"}})
    env = [
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "SPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "WHO", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['who']"}}},
        {"name": "NOTE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['note']"}}},
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "MAPPED", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
        {"name": "BOTH", "value": "$(NAME)/$(MAPPED)"},
    ]
    team.pod("p", 'echo "$NAME $SPACE $WHO $NOTE $SECRET $MAPPED $BOTH"', env=env)
    team.pod_is("p", "Succeeded")
    assert team.log("p") == f"p {team.namespace} me n secret mapped p/mapped\n"


def test_a_whole_map_becomes_variables(team):
    team.core.create_namespaced_config_map(team.namespace, {"metadata": {"name": "m"}, "data": {"ONE": "1"}})
    team.pod("p", "echo $X_ONE", envFrom=[{"prefix": "X_", "configMapRef": {"name": "m"}}])
    team.pod_is("p", "Succeeded")
    assert team.log("p") == "1\n"


def test_a_missing_secret_keeps_the_container_waiting_until_it_comes(team, eventually):
    team.pod("p", "echo $S", env=[{"name": "S", "valueFrom": {"secretKeyRef": {"name": "late", "key": "k"}}}])
    reason = eventually(lambda: (w := waiting(team, "p")) and w.reason == "CreateContainerConfigError" and w)
    assert reason.message == 'secret "late" not found'
    team.core.create_namespaced_secret(team.namespace, {"metadata": {"name": "late"}, "data": {"k": "aGk="}})
    team.pod_is("p", "Succeeded")
    assert team.log("p") == "hi\n"


def test_the_termination_message_is_read_back(team, tmp_path):
    path = tmp_path / "deep" / "message"
    team.pod(
        "p",
        f"test -f {path} && test ! -s {path} && printf '{{\"loss\": 1}}' > {path}",
        terminationMessagePath=str(path),
    )
    assert terminated(team.pod_is("p", "Succeeded")).message == '{"loss": 1}'


def test_a_long_termination_message_is_cut_at_4096_bytes(team, tmp_path):
    path = tmp_path / "message"
    team.pod("p", f"head -c 5000 /dev/zero | tr '\\0' x > {path}", terminationMessagePath=str(path))
    assert terminated(team.pod_is("p", "Succeeded")).message == "x" * 4096


def test_an_old_termination_message_does_not_survive(team, tmp_path):
    path = tmp_path / "message"
    path.write_text("old")
    team.pod("p", "true", terminationMessagePath=str(path))
    assert terminated(team.pod_is("p", "Succeeded")).message is None


def test_a_failure_without_message_can_fall_back_to_the_log(team, tmp_path):
    more = {"terminationMessagePath": str(tmp_path / "m"), "terminationMessagePolicy": "FallbackToLogsOnError"}
    team.pod("p", "echo why; exit 1", **more)
    assert terminated(team.pod_is("p", "Failed")).message == "why\n"


def test_a_killed_process_ends_with_128_and_the_signal(team, cluster):
    team.pod("killed-pod", "sleep 60")
    team.pod_is("killed-pod", "Running")
    cluster.kill("killed-pod")
    assert terminated(team.pod_is("killed-pod", "Failed")).exit_code == 137


def test_killing_a_pod_that_does_not_run_is_an_error(cluster):
    with pytest.raises(LookupError):
        cluster.kill("nobody")


def test_deleting_a_pod_sends_term_first(team, tmp_path, eventually):
    left = tmp_path / "left"
    team.pod("p", f"trap 'echo bye > {left}; exit 0' TERM; echo ready; while :; do sleep 0.02; done")
    eventually(lambda: team.pod_is("p", "Running") and "ready" in team.log("p"))
    team.core.delete_namespaced_pod("p", team.namespace)
    eventually(left.exists)


def test_a_pod_that_ignores_term_is_killed_after_its_grace(team, eventually):
    team.pod("p", "trap '' TERM; echo $$$$; while :; do sleep 0.02; done")
    eventually(lambda: team.pod_is("p", "Running") and team.log("p").strip())
    pid = int(team.log("p"))
    team.core.delete_namespaced_pod("p", team.namespace)
    assert team.read_pod("p").metadata.deletion_timestamp is not None

    def is_gone():
        try:
            team.read_pod("p")
        except ApiException as error:
            return error.status == 404
        return False

    eventually(is_gone)
    assert not Path(f"/proc/{pid}").exists()


def _lives(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_what_a_program_leaves_running_ends_with_it(team):
    team.pod("p", "sleep 60 & echo $!")
    team.pod_is("p", "Succeeded")
    stat = Path(f"/proc/{team.log('p').strip()}/stat")
    end = time.monotonic() + 10
    while _lives(stat) and time.monotonic() < end:  # the kernel ends it a moment after the signal
        time.sleep(0.02)
    assert not _lives(stat)


@pytest.mark.parametrize(
    ("image", "text"), [(OTHER_IMAGE, "not found"), ("registry.local/tool:latest", "by digest only")]
)
def test_an_image_that_is_not_here_never_runs(team, image, text):
    before = team.core.list_namespaced_pod(team.namespace).metadata.resource_version
    team.pod("p", image=image)
    seen = {}
    changes = kubernetes.watch.Watch().stream(  # every change is seen, however short
        team.core.list_namespaced_pod, team.namespace, resource_version=before, timeout_seconds=60
    )
    for change in changes:
        for status in change["object"].status.container_statuses or ():
            seen[status.state.waiting.reason] = status.state.waiting.message
        if {"ErrImagePull", "ImagePullBackOff"} <= seen.keys():
            break
    assert text in seen["ErrImagePull"]
    assert seen["ImagePullBackOff"] == f'Back-off pulling image "{image}"'
    assert team.read_pod("p").status.phase == "Pending"


def test_a_command_that_is_not_there_cannot_start(team):
    team.pod("p", command=["no-such-program"])
    ended = terminated(team.pod_is("p", "Failed"))
    assert (ended.exit_code, ended.reason) == (128, "StartError")
    assert "no-such-program" in ended.message


def test_a_pod_that_asks_for_too_much_stays_pending(team, eventually):
    team.pod("p", resources={"requests": {"nvidia.com/gpu": "8"}})
    scheduled = eventually(lambda: (team.read_pod("p").status.conditions or [None])[0])
    assert (scheduled.status, scheduled.reason) == ("False", "Unschedulable")
    assert scheduled.message == "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."


def test_a_pod_waits_until_another_makes_room(team, tmp_path, eventually):
    go = tmp_path / "go"
    team.pod("big", f"until test -f {go}; do sleep 0.02; done", resources={"requests": {"cpu": "40"}})
    team.pod_is("big", "Running")
    team.pod("next", resources={"requests": {"cpu": "40"}})
    eventually(lambda: (team.read_pod("next").status.conditions or [None])[0])
    go.touch()
    team.pod_is("next", "Succeeded")


def test_a_node_selector_that_matches_no_node_keeps_a_pod_pending(team, eventually):
    team.pod("p", spec={"nodeSelector": {"node.kubernetes.io/instance-type": "ml.p5.48xlarge"}})
    scheduled = eventually(lambda: (team.read_pod("p").status.conditions or [None])[0])
    assert "didn't match Pod's node affinity/selector" in scheduled.message


def test_a_pod_on_a_claim_waits_until_the_claim_is_bound(team, tmp_path, eventually):
    claim = {"claimName": "data"}
    mounts = [{"name": "v", "mountPath": str(tmp_path)}]
    team.pod("p", spec={"volumes": [{"name": "v", "persistentVolumeClaim": claim}]}, volumeMounts=mounts)
    scheduled = eventually(lambda: (team.read_pod("p").status.conditions or [None])[0])
    assert scheduled.message == 'persistentvolumeclaim "data" not found'
    size = {"storage": "1Gi"}
    name = f"{team.namespace}-data"
    volume = {"capacity": size, "accessModes": ["ReadWriteMany"], "hostPath": {"path": str(tmp_path)}}
    team.core.create_persistent_volume({"metadata": {"name": name}, "spec": volume})
    spec = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": size},
        "volumeName": name,
        "storageClassName": "",
    }
    team.core.create_namespaced_persistent_volume_claim(team.namespace, {"metadata": {"name": "data"}, "spec": spec})
    team.pod_is("p", "Succeeded")
    assert team.core.read_persistent_volume(name).spec.claim_ref.name == "data"


def test_a_mount_that_is_not_on_this_machine_keeps_the_pod_waiting(team, eventually):
    spec = {"volumes": [{"name": "v", "hostPath": {"path": "/no/such/folder"}}]}
    team.pod("p", spec=spec, volumeMounts=[{"name": "v", "mountPath": "/no/such/folder"}])
    eventually(lambda: [e for e in team.events_of("p") if e[1] == "FailedMount" and "/no/such/folder" in e[2]])
    assert team.read_pod("p").status.phase == "Pending"


def test_init_containers_run_first_and_stop_the_pod_when_they_fail(team, tmp_path):
    first = {"name": "first", "image": team_image(), "command": ["/bin/sh", "-c", f"echo x > {tmp_path}/first; exit 1"]}
    team.pod("p", f"echo x > {tmp_path}/main", spec={"initContainers": [first]})
    team.pod_is("p", "Failed")
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


def team_image():
    return "registry.local/tool@sha256:" + "a" * 64


def test_containers_run_side_by_side(team, tmp_path):
    wait = "until test -f {0}/{2}; do touch {0}/{1}; sleep 0.02; done; touch {0}/{1}"
    pair = [
        {"name": name, "image": team_image(), "command": ["/bin/sh", "-c", wait.format(tmp_path, name, other)]}
        for name, other in (("left", "right"), ("right", "left"))
    ]
    team.pod("p", spec={"containers": pair})
    pod = team.pod_is("p", "Succeeded")
    assert [status.name for status in pod.status.container_statuses] == ["left", "right"]


def test_a_container_is_restarted_on_failure(team, tmp_path):
    script = f"echo x >> {tmp_path}/tries; test $(wc -l < {tmp_path}/tries) = 2"
    team.pod("p", script, spec={"restartPolicy": "OnFailure"})
    status = team.pod_is("p", "Succeeded").status.container_statuses[0]
    assert (status.restart_count, status.last_state.terminated.exit_code) == (1, 1)


def test_the_log_can_be_cut(team):
    team.pod("p", "seq 1 10")
    team.pod_is("p", "Succeeded")
    assert team.log("p", tail_lines=2) == "9\n10\n"
    assert team.log("p", tail_lines=0) == ""
    assert team.log("p", limit_bytes=4) == "1\n2\n"


def test_a_pod_that_has_not_started_has_no_log(team):
    team.pod("p", image=OTHER_IMAGE)
    with pytest.raises(ApiException) as refused:
        team.log("p")
    assert refused.value.status == 400
    assert "is waiting to start" in refused.value.body

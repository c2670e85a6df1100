"""What a pod's log tells about time."""

import os
import re
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kubernetes.client import ApiException

from localcloud.kubernetes.logs import Log

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


def moment_of(line):
    return datetime.fromisoformat(line.split()[0][:26] + "+00:00")


def since(team, pod, moment, **query):
    """The typed client has no sinceTime."""
    headers = {"Authorization": "Bearer k8s-aws-v1.x"}
    path = f"/api/v1/namespaces/{team.namespace}/pods/{pod}/log"
    http, found = team.core.api_client.rest_client, {"sinceTime": moment, **query}
    return http.request("GET", team.cluster.endpoint + path, found, headers).data.decode()


def test_every_line_is_stamped_with_the_time_it_was_written(team):
    begun = datetime.now(UTC)
    team.pod("p", "echo one; sleep 0.4; echo two words")
    team.pod_is("p", "Succeeded")
    lines = team.log("p", timestamps=True).splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["one", "two words"]
    assert all(STAMP.fullmatch(line.partition(" ")[0]) for line in lines)
    first, second = map(moment_of, lines)
    assert timedelta(seconds=0.3) < second - first < timedelta(seconds=3)
    assert begun < first < second < datetime.now(UTC)


def test_a_line_is_stamped_when_it_is_begun(team):
    team.pod("p", "printf one; sleep 0.3; echo ' more'; echo two")
    team.pod_is("p", "Succeeded")
    first, second = team.log("p", timestamps=True).splitlines()
    assert first.endswith("Z one more")
    assert moment_of(second) - moment_of(first) > timedelta(seconds=0.2)


def test_a_log_begins_at_the_time_asked_for(team):
    team.pod("p", "echo one; sleep 0.3; echo two; sleep 0.3; echo three")
    team.pod_is("p", "Succeeded")
    stamps = [line.split()[0] for line in team.log("p", timestamps=True).splitlines()]
    assert since(team, "p", stamps[1]) == "two\nthree\n"
    assert since(team, "p", stamps[1], tailLines="1") == "three\n"
    assert since(team, "p", stamps[2], timestamps="true") == f"{stamps[2]} three\n"
    assert since(team, "p", "2999-01-01T00:00:00Z") == ""
    assert since(team, "p", "2000-01-01T00:00:00+02:00") == "one\ntwo\nthree\n"


def test_the_last_seconds_of_a_log(team):
    team.pod("p", "echo old; sleep 1.3; echo new")
    team.pod_is("p", "Succeeded")
    assert team.log("p", since_seconds=1) == "new\n"
    assert team.log("p", since_seconds=60) == "old\nnew\n"


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"])
def test_a_time_that_cannot_be_read_is_refused(team, moment):
    team.pod("p", "echo x")
    team.pod_is("p", "Succeeded")
    with pytest.raises(ApiException) as refused:
        since(team, "p", moment)
    assert refused.value.status == 400
    assert b"sinceTime" in refused.value.body


def test_stamps_count_towards_the_limit_of_bytes(team):
    team.pod("p", "echo one")
    team.pod_is("p", "Succeeded")
    assert STAMP.fullmatch(team.log("p", timestamps=True, limit_bytes=30))


def test_a_program_that_says_nothing_has_an_empty_log(team):
    team.pod("p", "true")
    team.pod_is("p", "Succeeded")
    assert team.log("p", timestamps=True) == ""


def test_a_running_program_is_read_up_to_now(team, tmp_path, eventually):
    team.pod("p", f"echo ready; until test -f {tmp_path}/go; do sleep 0.02; done; echo over")
    eventually(lambda: team.pod_is("p", "Running") and team.log("p", timestamps=True).endswith(" ready\n"))
    (tmp_path / "go").touch()
    team.pod_is("p", "Succeeded")
    assert team.log("p") == "ready\nover\n"


def test_a_process_that_escaped_its_group_does_not_hold_the_pod(team):
    team.pod("p", "setsid sh -c 'echo $$$$; exec sleep 20' & sleep 0.3")
    started = time.monotonic()
    team.pod_is("p", "Succeeded")
    assert time.monotonic() - started < 5
    os.kill(int(team.log("p")), signal.SIGKILL)


def test_much_output_arrives_whole_and_in_order(team):
    team.pod("p", "seq 1 100000")
    team.pod_is("p", "Succeeded")
    assert team.log("p").splitlines() == [str(number) for number in range(1, 100_001)]


def test_a_carriage_return_does_not_end_a_line(tmp_path: Path) -> None:
    log = Log(tmp_path / "c.log")
    for chunk in (b"10%\r20%", b"\r100%\nnext", b" part\n\n", b"rest"):
        log.append(chunk)
    assert [line.text for line in log.lines()] == [b"10%\r20%\r100%\n", b"next part\n", b"\n", b"rest"]

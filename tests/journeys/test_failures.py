"""Runs that fail: the cause and the last log lines are kept, nothing is registered, and nothing stays behind."""

import json

from tests.journeys.conftest import NAMESPACE, Journeys, until

LONG = {"recipe": "cpu-lora", "parameters": {"steps": 5000, "base_steps": 40}}
ROWS = b"".join(b'{"prompt": "Count to %d.", "completion": "%d"}\n' % (n, n) for n in range(40))


def _running(journeys: Journeys, dataset: str, step: str) -> str:
    """Wait until a step's pod runs and has written progress; return its name."""

    def probe() -> str | None:
        for name in journeys.pods(dataset):
            if f"-{step}-" in name and journeys.core.read_namespaced_pod(name, NAMESPACE).status.phase == "Running":
                log = journeys.core.read_namespaced_pod_log(name, NAMESPACE)
                return name if "loss=" in log else None
        return None

    return str(until(probe, 60))


def _nothing_left(journeys: Journeys, dataset: str) -> None:
    until(lambda: not journeys.leases(dataset), 60)
    assert journeys.jobs(dataset) == []
    assert journeys.pods(dataset) == []
    assert journeys.waits(dataset) == []
    assert journeys.packages(dataset) == []


def test_a_trainer_that_dies_fails_the_run_with_its_last_log_lines(journeys: Journeys) -> None:
    execution = journeys.execution_of(journeys.drop_with_request("dying", ROWS, LONG))
    journeys.cloud.cluster.kill(_running(journeys, "dying", "train"))
    assert journeys.finish(execution)["error"] == "WorkloadFailed"
    journey = journeys.recorded_failure(execution)
    assert journey["failure"]["code"] == "JobFailed"
    assert any("loss=" in line for line in journey["failure"]["log"])
    assert journey["run"]["status"] == "failed"
    _nothing_left(journeys, "dying")


def test_the_report_on_a_failed_run_says_why_and_shows_its_last_lines(journeys: Journeys) -> None:
    drill = {"recipe": "cpu-lora", "parameters": {"steps": 9, "base_steps": 5, "fail_at_step": "7"}}
    execution = journeys.execution_of(journeys.drop_with_request("drilled", ROWS, drill))
    assert journeys.finish(execution)["status"] == "FAILED"
    journey = journeys.recorded_failure(execution)
    report, page = journeys.report(journey["run"])
    assert (report["summary"]["state"], report["failure"]["code"]) == ("failed", journey["failure"]["code"])
    assert report["failure"]["log"] == journey["failure"]["log"]
    assert "Why it ended: JobFailed" in page
    assert [job["failed"] for job in report["jobs"]] == [False, False, True]


def test_the_same_content_again_is_the_next_attempt_of_a_failed_run(journeys: Journeys) -> None:
    first = journeys.execution_of(
        journeys.drop_with_request("again", ROWS + b'{"prompt": "a", "completion": "b"}\n', LONG)
    )
    journeys.cloud.cluster.kill(_running(journeys, "again", "train"))
    run_id = journeys.recorded_failure(first)["run"]["id"]
    second = journeys.execution_of(
        journeys.drop_with_request("again", ROWS + b'{"prompt": "a", "completion": "b"}\n', LONG)
    )
    until(lambda: journeys.rows(f"RUN#{run_id}")["RUN"]["attempt"] == 2, 30)
    journeys.stop(second)
    assert journeys.finish(second)["status"] == "ABORTED"
    _nothing_left(journeys, "again")


def test_stopping_an_execution_deletes_its_running_job(journeys: Journeys) -> None:
    execution = journeys.execution_of(journeys.drop_with_request("stopped", ROWS[:-1], LONG))
    _running(journeys, "stopped", "train")
    journeys.stop(execution)
    assert journeys.finish(execution)["status"] == "ABORTED"
    assert journeys.recorded_failure(execution)["failure"]["code"] == "ExecutionAborted"
    _nothing_left(journeys, "stopped")


def test_a_file_system_task_that_fails_ends_the_run_with_its_message(journeys: Journeys) -> None:
    journeys.cloud.aws.fail_fsx_task("The bucket's key is disabled.")
    execution = journeys.execution_of(journeys.drop("unstaged", ROWS + b'{"prompt": "c", "completion": "d"}\n'))
    assert journeys.finish(execution)["error"] == "WorkloadFailed"
    failure = journeys.recorded_failure(execution)["failure"]
    assert (failure["code"], failure["why"]) == ("FileSystemTaskFailed", "The bucket's key is disabled.")
    _nothing_left(journeys, "unstaged")


def test_a_cluster_that_does_not_answer_for_a_moment_costs_nothing_but_time(journeys: Journeys) -> None:
    short = {"recipe": "cpu-lora", "parameters": {"steps": 5, "base_steps": 40}}
    journeys.cloud.cluster.refuse(5, status=503)
    execution = journeys.execution_of(
        journeys.drop_with_request("flaky", ROWS + b'{"prompt": "e", "completion": "f"}\n', short)
    )
    done = journeys.finish(execution)
    assert done["status"] == "SUCCEEDED", done.get("cause")
    assert len(journeys.packages("flaky")) == 1


def test_a_run_started_by_hand_is_torn_down_like_any_other(journeys: Journeys) -> None:
    upload = journeys.drop("manual", ROWS + b'{"prompt": "g", "completion": "h"}\n')
    by_event = journeys.execution_of(upload)
    journeys.stop(by_event)
    document = {"upload": upload, "run": {**LONG, "repeat": "by-hand"}}
    sfn = journeys.cloud.client("stepfunctions")
    sfn.start_execution(stateMachineArn=journeys.machine, name="manual-by-hand", input=json.dumps(document))
    _running(journeys, "manual", "train")
    journeys.stop("manual-by-hand")
    assert journeys.finish("manual-by-hand")["status"] == "ABORTED"
    run_id = journeys.rows("EXECUTION#manual-by-hand")["EXECUTION"]["name"]
    until(lambda: journeys.rows(f"RUN#{run_id}")["RUN"]["status"] == "failed", 60)
    _nothing_left(journeys, "manual")


def test_a_failure_is_told_while_the_cluster_does_not_answer_and_torn_down_once_it_does(journeys: Journeys) -> None:
    execution = journeys.execution_of(
        journeys.drop_with_request("cutoff", ROWS + b'{"prompt": "i", "completion": "j"}\n', LONG)
    )
    _running(journeys, "cutoff", "train")
    journeys.cloud.cluster.refuse(10_000, status=503, verb="deletecollection")
    journeys.stop(execution)
    assert journeys.recorded_failure(execution)["failure"]["code"] == "ExecutionAborted"
    assert journeys.leases("cutoff") != []
    journeys.cloud.cluster.accept()
    event = {"detail": {**_ended(journeys, execution), "status": "ABORTED"}}
    functions = journeys.cloud.client("lambda")
    functions.invoke(FunctionName="dropforge-dev-report-failure", Payload=json.dumps(event))
    _nothing_left(journeys, "cutoff")


def test_data_that_changes_after_it_was_hashed_fails_the_run_instead_of_making_another_model(
    journeys: Journeys,
) -> None:
    upload = journeys.drop_with_request("swapped", ROWS + b'{"prompt": "k", "completion": "l"}\n', LONG)
    execution = journeys.execution_of(upload)
    staged = journeys.cloud.fsx / upload["key"].replace("manifest.json", "train.jsonl")
    until(lambda: any("-prepare-" in name for name in journeys.pods("swapped")), 60)
    staged.write_bytes(staged.read_bytes().replace(b"Count", b"Mount"))
    assert journeys.finish(execution)["error"] == "WorkloadFailed"
    assert "train.jsonl: expected" in journeys.recorded_failure(execution)["failure"]["why"]
    _nothing_left(journeys, "swapped")


def _ended(journeys: Journeys, execution: str) -> dict[str, str]:
    described = journeys.describe(execution)
    return {
        "executionArn": described["executionArn"],
        "name": execution,
        "input": described["input"],
        "cause": "stopped",
    }

"""Every request of a clean run is spoilt, before and after its effect: each run still ends in one model or cleanly.

A clean run is recorded. Then each run has one of every function's requests spoilt: either it fails, as many times in a row as the SDK tries,
so that the function itself fails and what retries it has to cope; or the function's process is killed in the middle of it. Run after run, until
every recorded request had its turn. Watcher and sweep, which ask the same again and again, have several of theirs spoilt in one run. Requests to
the cluster fail and kill nobody.
"""

import json
import sys
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import pytest

from localcloud.aws.faults import Request
from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys, until
from tests.journeys.test_cancel_and_retry import rows, usable

pytestmark = pytest.mark.usefixtures("calm")

SHORT = {"recipe": "cpu-lora", "parameters": {"steps": 1, "base_steps": 5, "checkpoint_every": 1}}
SDK_ATTEMPTS = 4
PATIENCE = 300  # seconds until something that does not end is given up; nothing here measures how fast it is
AT_ONCE = {"dropforge-dev-watch-jobs": 6, "dropforge-dev-sweep": 3}  # of other functions one request in a run
When = Literal["before", "after"]
Spoiling = tuple[Literal["fails", "dies"], When]


class Spoilt(NamedTuple):
    """A request to the cluster, or to AWS by a function, that fails."""

    by: str
    request: Request | tuple[str, str, int]


class Ended(NamedTuple):
    """How a run with spoilt requests ended, and which of them came."""

    outcome: Literal["model", "clean failure"]
    came: list[Spoilt]


def drop(journeys: Journeys, name: str) -> str:
    """Drop a dataset and return the execution that it starts, however late."""
    return journeys.execution_of(journeys.drop_with_request(name, rows(name), SHORT), 90)


def recorded(journeys: Journeys) -> dict[str, list[Spoilt]]:
    """The requests of a clean run, by who makes them."""
    assert journeys.finish(drop(journeys, "walk-warm"))["status"] == "SUCCEEDED"
    settle(journeys, "walk-warm")  # those who hear of its end make requests, too
    journeys.cloud.aws.record()
    journeys.cloud.cluster.record()
    assert journeys.finish(drop(journeys, "walk-clean"))["status"] == "SUCCEEDED"
    settle(journeys, "walk-clean")
    found: dict[str, list[Spoilt]] = defaultdict(list)
    for request in journeys.cloud.aws.requests():
        if request.function:
            found[request.function].append(Spoilt(request.function, request))
    for seen in journeys.cloud.cluster.requests():
        found["cluster"].append(Spoilt("cluster", (seen.verb, seen.resource, seen.occurrence)))
    return found


def waves(found: dict[str, list[Spoilt]]) -> Iterator[list[Spoilt]]:
    """Lay the requests out over runs: from each maker the next one, or the next few."""
    left = {by: deque(requests) for by, requests in found.items()}
    while any(left.values()):
        yield [queue.popleft() for by, queue in left.items() for _ in range(AT_ONCE.get(by, 1)) if queue]


def spoil(journeys: Journeys, spoilt: list[Spoilt], how: Spoiling) -> None:
    outcome, when = how
    journeys.cloud.aws.record()
    journeys.cloud.cluster.record()
    for one in spoilt:
        if not isinstance(one.request, Request):
            journeys.cloud.cluster.fail_request(*one.request, when=when)
            continue
        kind = (one.request.function, one.request.service, one.request.operation, one.request.occurrence)
        if outcome == "dies":
            journeys.cloud.aws.kill_function(*kind, when=when)
        else:
            journeys.cloud.aws.fail_request(*kind, when=when, times=SDK_ATTEMPTS)


def came(journeys: Journeys, spoilt: list[Spoilt]) -> list[Spoilt]:
    requests = set(journeys.cloud.aws.requests())
    asked = {(seen.verb, seen.resource, seen.occurrence) for seen in journeys.cloud.cluster.requests()}
    return [one for one in spoilt if one.request in (requests if isinstance(one.request, Request) else asked)]


def settle(journeys: Journeys, name: str) -> None:
    """Wait until nothing is under way any more for a dataset."""
    until(lambda: not journeys.cloud.aws.pending_deliveries(besides=AT_ONCE), PATIENCE)
    until(lambda: not (journeys.leases(name) or journeys.waits(name) or unfinished(journeys, name)), PATIENCE)
    assert [row for row in journeys.rows("OPEN").values() if row["dataset"] == name] == []


def unfinished(journeys: Journeys, name: str) -> list[str]:
    found = (journeys.batch.read_namespaced_job_status(job, "hyperpod-ns-demo") for job in journeys.jobs(name))
    return [job.metadata.name for job in found if not (job.status.succeeded or job.status.failed)]


def run_with(journeys: Journeys, name: str, spoilt: list[Spoilt], how: Spoiling) -> Ended:
    """Drop a dataset while requests are spoilt, and say how it ended; whatever did not end as it must fails the test."""
    spoil(journeys, spoilt, how)
    execution = drop(journeys, name)
    try:
        status = journeys.finish(execution, PATIENCE)["status"]
        until(lambda: not journeys.cloud.aws.pending_deliveries(besides=AT_ONCE), PATIENCE)  # who hears of the end
        met = came(journeys, spoilt)
    except AssertionError as error:
        journeys.cloud.aws.reset_faults()
        raise AssertionError(f"{journeys.journey(execution)} does not end; {how}: {spoilt}") from error
    journeys.cloud.aws.reset_faults()
    journeys.cloud.cluster.accept()
    if status != "SUCCEEDED":
        assert journeys.recorded_failure(execution)["failure"] is not None
        settle(journeys, name)
        assert usable(journeys, name) == []
        assert journeys.finish(journeys.retry(execution))["status"] == "SUCCEEDED"
    settle(journeys, name)
    run = journeys.run_of(execution) if status == "SUCCEEDED" else journeys.journey(execution)["run"]
    assert (run["status"], usable(journeys, name)) == ("succeeded", [run["model_arn"]]), (spoilt, how)
    assert heard(journeys, run), (spoilt, how)
    return Ended("model" if status == "SUCCEEDED" else "clean failure", met)


def heard(journeys: Journeys, run: dict[str, Any]) -> bool:
    """Whether those who hear of a run's end have done their work: it was counted, its report lies beside the model, and its lineage is whole."""
    prefix = f"runs/{PROJECT}/{run['id']}/{run['attempt']}/report."
    listed = journeys.cloud.client("s3").list_objects_v2(Bucket=journeys.models, Prefix=prefix)
    counted = "MEASURED" in journeys.rows(f"EXECUTION#{run['execution']}") and listed["KeyCount"] == 2
    return counted and traced(journeys, run)


def traced(journeys: Journeys, run: dict[str, Any]) -> bool:
    """Whether a model is found from its content, names the passport beside it, and leads back to all that made it, once."""
    sagemaker = journeys.cloud.client("sagemaker")
    rows_of_content = journeys.rows(f"CONTENT#{PROJECT}/{run['ingredients']['dataset']}")
    model = rows_of_content[f"MODEL#{run['id']}#{run['attempt']}"]
    package = sagemaker.describe_model_package(ModelPackageName=run["model_arn"])
    (artifact,) = sagemaker.list_artifacts(SourceUri=run["model_arn"])["ArtifactSummaries"]
    chain = sagemaker.query_lineage(StartArns=[artifact["ArtifactArn"]], Direction="Ascendants")["Vertices"]
    key = f"runs/{PROJECT}/{run['id']}/{run['attempt']}/passport.json"
    passport = json.loads(journeys.cloud.client("s3").get_object(Bucket=journeys.models, Key=key)["Body"].read())
    named = {passport["digest"], model["passport"], package["CustomerMetadataProperties"]["passport"]}
    types = sorted(vertex["Type"] for vertex in chain)
    return len(named) == 1 and types == ["Checkpoint", "DataSet", "Image", "Recipe", "Training"]


@pytest.fixture(scope="module")
def clean(journeys: Journeys) -> dict[str, list[Spoilt]]:
    return recorded(journeys)


@pytest.mark.walk
@pytest.mark.parametrize(
    "how", [("fails", "before"), ("fails", "after"), ("dies", "before"), ("dies", "after")], ids=" ".join
)
def test_no_spoilt_request_makes_two_models_or_leaves_anything_behind(
    journeys: Journeys, clean: dict[str, list[Spoilt]], capsys: pytest.CaptureFixture[str], how: Spoiling
) -> None:
    outcome, when = how
    walked = {by: requests for by, requests in clean.items() if outcome == "fails" or by != "cluster"}
    outcomes: Counter[str] = Counter()
    never: list[Spoilt] = []
    for number, spoilt in enumerate(waves(walked)):
        ended = run_with(journeys, f"{outcome}-{when}-{number}", spoilt, how)
        outcomes[ended.outcome] += 1
        never += [one for one in spoilt if one not in ended.came]
    total = sum(len(requests) for requests in walked.values())
    counted = f"n = {total} requests, {total - len(never)} of them came and were spoilt, {dict(outcomes)}"
    with capsys.disabled():
        sys.stdout.write(f"\nfault walk, {outcome} {when} the effect: {counted}\n")
    assert [one for one in never if one.by not in AT_ONCE and one.by != "cluster"] == []
    assert len(never) <= total // 4  # how often the watcher looks depends on the machine

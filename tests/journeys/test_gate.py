"""The gate: a model that is good enough is registered, a worse one is quarantined with the evidence, and each is read back where it lies."""

import json
from typing import Any

import pytest

from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys

QUICK: dict[str, Any] = {"recipe": "cpu-lora", "parameters": {"steps": 20, "base_steps": 40}}
IMPOSSIBLE = {"require": {"loss": {"below": 0.0001}}}
HELD_OUT = 24


@pytest.fixture(scope="module")
def rows(greetings: bytes) -> tuple[bytes, bytes]:
    """Rows to train on and rows that are held out."""
    lines = greetings.splitlines(keepends=True)
    return b"".join(lines[HELD_OUT:]), b"".join(lines[:HELD_OUT])


class Gate:
    """Runs through the gate, and what became of them."""

    def __init__(self, journeys: Journeys, rows: tuple[bytes, bytes]) -> None:
        self.journeys = journeys
        self.train, self.held_out = rows

    def drop(self, name: str, gate: dict[str, Any], upload: str = "u1", **parameters: object) -> dict[str, Any]:
        """Drop the rows under a dataset's name with a gate; return the description of the execution at its end."""
        run = {**QUICK, "parameters": {**QUICK["parameters"], **parameters}, "evaluation": gate}
        dropped = self.journeys.drop_with_request(
            name, self.train + self.line(name), run, held_out=self.held_out, upload=upload
        )
        return self.journeys.finish(self.journeys.execution_of(dropped))

    def line(self, name: str) -> bytes:
        """One row more, so that no two datasets of these tests hold the same content."""
        return (
            json.dumps(
                {"messages": [{"role": "user", "content": name}, {"role": "assistant", "content": "Hello."}]}
            ).encode()
            + b"\n"
        )

    def run(self, done: dict[str, Any]) -> dict[str, Any]:
        return self.journeys.run_of(done["name"])

    def evidence(self, run: dict[str, Any], attempt: int = 1) -> dict[str, Any]:
        return self.object(f"quarantine/{PROJECT}/{run['id']}/{attempt}/gate.json")

    def object(self, key: str) -> dict[str, Any]:
        body = self.journeys.cloud.client("s3").get_object(Bucket=self.journeys.models, Key=key)["Body"]
        found: dict[str, Any] = json.loads(body.read())
        return found

    def failure(self, done: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self.journeys.recorded_failure(done["name"])["failure"]
        return found

    def told(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """What the run's timeline says of its evaluations."""
        timeline = self.journeys.journey(run["id"])["timeline"]
        return [entry["details"] for entry in timeline if entry["what"] == "ModelEvaluated"]


@pytest.fixture(scope="module")
def gate(journeys: Journeys, rows: tuple[bytes, bytes]) -> Gate:
    return Gate(journeys, rows)


@pytest.fixture(scope="module")
def passed(gate: Gate) -> dict[str, Any]:
    """A model that was good enough."""
    done = gate.drop("good", {"require": {"loss": {"below": 4.0}, "exact_match": {"above": -1.0}}}, steps=60)
    assert done["status"] == "SUCCEEDED", done.get("cause")
    return gate.run(done)


@pytest.fixture(scope="module")
def refused(gate: Gate) -> dict[str, Any]:
    """A model that could not have been."""
    done = gate.drop("bad", IMPOSSIBLE)
    assert done["status"] == "FAILED"
    failure = gate.failure(done)  # recorded: the run is over
    return {**gate.run(done), "failure": failure}


def test_a_model_that_is_good_enough_is_registered_and_its_numbers_are_kept(gate: Gate, passed: dict[str, Any]) -> None:
    verified = gate.journeys.rows(f"RUN#{passed['id']}")["VERIFIED"]
    candidate, base = verified["evaluation"]["models"]
    (told,) = gate.told(passed)
    assert gate.journeys.packages("good") == [passed["model_arn"]]
    assert (candidate["role"], candidate["kind"], base["role"]) == ("candidate", "base+adapter", "base")
    assert candidate["manifest_sha256"] == verified["checkpoint"]["digest"]
    assert candidate["numbers"]["loss"] < base["numbers"]["loss"]
    assert (told["passed"], told["numbers"]["candidate"]) == (True, candidate["numbers"])
    assert (told["held_out"], told["rows"]) == ("validation", 16)
    outcomes = [(one["number"], one["against"], one["outcome"]) for one in told["comparisons"]]
    assert outcomes == [
        ("loss", "requirement", "met"),
        ("exact_match", "requirement", "met"),
        ("loss", "incumbent", "not compared"),
    ]


def test_a_model_that_is_not_is_quarantined_with_the_evidence_and_registered_nowhere(
    gate: Gate, refused: dict[str, Any]
) -> None:
    found = gate.evidence(refused)
    assert (refused["status"], gate.journeys.packages("bad")) == ("failed", [])
    assert (refused["failure"]["code"], refused["failure"]["whose"]) == ("GateNotMet", "you")
    assert "it must be below 0.0001" in refused["failure"]["why"]
    assert (found["verdict"]["passed"], found["run"]) == (False, refused["id"])
    (loss,) = (one for one in found["verdict"]["comparisons"] if one["against"] == "requirement")
    assert (loss["outcome"], loss["value"] > loss["limit"], loss["limit"]) == ("missed", True, 0.0001)


def test_the_quarantined_checkpoint_lies_where_the_evidence_says(gate: Gate, refused: dict[str, Any]) -> None:
    checkpoint = gate.evidence(refused)["checkpoint"]
    prefix = checkpoint["uri"].partition(gate.journeys.models + "/")[2]
    assert gate.object(f"{prefix}_SUCCESS.json")["manifest_sha256"] == checkpoint["digest"]


def test_status_explain_and_the_report_say_why(gate: Gate, refused: dict[str, Any]) -> None:
    journey = gate.journeys.journey(refused["id"])
    stages = {stage["name"]: stage["status"] for stage in journey["stages"]}
    report, page = gate.journeys.report(gate.journeys.rows(f"RUN#{refused['id']}")["RUN"])
    assert (stages["VerifyCheckpoint"], stages["GateModel"], stages["RegisterModel"]) == (
        "succeeded",
        "failed",
        "waiting",
    )
    assert journey["failure"]["code"] == "GateNotMet"
    assert "it must be below 0.0001" in report["summary"]["why"]
    assert (report["evaluated"]["passed"], "must be below 0.0001" in page) == (False, True)


def test_a_retry_gives_the_same_verdict_without_a_job_and_another_gate_lets_the_model_in(
    gate: Gate, refused: dict[str, Any]
) -> None:
    again = gate.journeys.finish(gate.journeys.retry(refused["id"]))
    failure, stages = gate.failure(again), gate.journeys.journey(refused["id"])["stages"]
    assert (again["status"], failure["code"], failure["why"]) == ("FAILED", "GateNotMet", refused["failure"]["why"])
    assert {stage["name"]: stage["status"] for stage in stages}["RunSteps"] == "skipped"
    assert gate.evidence(refused, 2)["verdict"]["comparisons"] == gate.evidence(refused)["verdict"]["comparisons"]
    let_in = gate.drop("bad", {"require": {"loss": {"below": 9.0}}}, upload="u2")
    run = gate.run(let_in)
    assert (let_in["status"], run["id"], run["attempt"]) == ("SUCCEEDED", refused["id"], 3)
    assert gate.journeys.packages("bad") == [run["model_arn"]]


def test_a_model_worse_than_the_approved_one_is_quarantined_and_names_it(gate: Gate, passed: dict[str, Any]) -> None:
    sagemaker = gate.journeys.cloud.client("sagemaker")
    sagemaker.update_model_package(ModelPackageArn=passed["model_arn"], ModelApprovalStatus="Approved")
    done = gate.drop("good", {}, upload="worse", steps=1, learning_rate=1e-6)
    failure, run = gate.failure(done), gate.run(done)
    comparison = gate.evidence(run)["verdict"]["comparisons"][0]
    best = gate.journeys.rows(f"RUN#{passed['id']}")["VERIFIED"]["evaluation"]["models"][0]["numbers"]["loss"]
    assert (done["status"], failure["code"], failure["evidence"]["incumbent"]) == (
        "FAILED",
        "GateNotMet",
        passed["model_arn"],
    )
    assert (comparison["against"], comparison["outcome"], comparison["reference"]) == ("incumbent", "missed", best)
    assert comparison["value"] > comparison["limit"] == pytest.approx(best + 0.02)
    assert gate.journeys.packages("good") == [passed["model_arn"]]
    evaluated = gate.journeys.rows(f"RUN#{run['id']}")["VERIFIED"]
    assert (evaluated["incumbent"]["arn"], run["status"]) == (passed["model_arn"], "failed")


def test_a_required_number_that_was_not_measured_is_no_pass(gate: Gate) -> None:
    """The held-out row is longer than the model reads at once: it is left out, and nothing is left to measure."""
    long = json.dumps({"prompt": "Tell me all.", "completion": "All of it. " * 60}).encode() + b"\n"
    shaped = b"".join(
        json.dumps({"prompt": said["messages"][0]["content"], "completion": said["messages"][1]["content"]}).encode()
        + b"\n"
        for said in map(json.loads, gate.train.splitlines())
    )
    request = {**QUICK, "evaluation": {"require": {"loss": {"below": 9.0}}}}
    dropped = gate.journeys.drop_with_request("unmeasured", shaped, request, held_out=long)
    done = gate.journeys.finish(gate.journeys.execution_of(dropped))
    failure, found = gate.failure(done), gate.evidence(gate.run(done))
    assert (done["status"], failure["code"]) == ("FAILED", "GateNumberMissing")
    assert "`loss` was not measured" in failure["why"]
    assert (found["verdict"]["evaluation"]["held_out"], found["verdict"]["evaluation"]["left_out"]) == ("none", 1)
    assert gate.journeys.packages("unmeasured") == []


PREFERENCES = b"".join(
    json.dumps({"prompt": f"Who keeps lighthouse {n}?", "chosen": f"Keeper {n}.", "rejected": "Nobody."}).encode()
    + b"\n"
    for n in range(60)
)


@pytest.mark.parametrize(("recipe", "kind"), [("cpu-full", "merged"), ("cpu-dpo", "base+adapter")])
def test_every_recipe_measures_its_model_and_its_base(gate: Gate, recipe: str, kind: str) -> None:
    lines = (PREFERENCES if recipe == "cpu-dpo" else gate.train).splitlines(keepends=True)
    request = {**QUICK, "recipe": recipe, "evaluation": {"require": {"loss": {"below": 9.0}}}}
    train, held_out = b"".join(lines[10:]), b"".join(lines[:10])
    dropped = gate.journeys.drop_with_request(f"by-{recipe}", train, request, held_out=held_out)
    done = gate.journeys.finish(gate.journeys.execution_of(dropped))
    assert done["status"] == "SUCCEEDED", done.get("cause")
    evaluation = gate.journeys.rows(f"RUN#{gate.run(done)['id']}")["VERIFIED"]["evaluation"]
    assert [(model["role"], model["kind"]) for model in evaluation["models"]] == [("candidate", kind), ("base", "base")]
    assert (evaluation["rows"], evaluation["held_out"]) == (10, "validation")


def test_a_gate_on_held_out_numbers_is_refused_before_anything_runs_where_nothing_is_held_out(gate: Gate) -> None:
    request = {**QUICK, "evaluation": IMPOSSIBLE}
    dropped = gate.journeys.drop_with_request("nothing-held-out", gate.train + gate.line("none"), request)
    done = gate.journeys.finish(gate.journeys.execution_of(dropped))
    assert (done["status"], gate.failure(done)["code"]) == ("FAILED", "NothingHeldOut")
    assert gate.journeys.jobs("nothing-held-out") == []

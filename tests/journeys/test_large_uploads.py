"""Uploads of many files, and of more than one function reads: through the distributed Map to a model, or to the line that is wrong."""

import json
from hashlib import sha256
from typing import Any

from localcloud.cloud import PROJECT
from tests.journeys.conftest import Journeys
from tests.journeys.test_drop_to_model import SHORT

ROWS = b"".join(b'{"prompt": "What is %06d?", "completion": "It is %06d."}\n' % (n, n) for n in range(3000))


def put(journeys: Journeys, dataset: str, files: dict[str, bytes], run: dict[str, Any]) -> dict[str, str]:
    folder = f"datasets/{PROJECT}/{dataset}/first upload+1/"
    for path, content in files.items():
        journeys.put(folder + path, content)
    lines = [{"path": p, "sha256": sha256(c).hexdigest(), "bytes": len(c)} for p, c in files.items()]
    return journeys.put(folder + "manifest.json", json.dumps({"files": lines, "run": run}).encode())


def test_a_large_file_beside_a_small_one_becomes_a_model(journeys: Journeys) -> None:
    upload = put(journeys, "large", {"train ä+1.jsonl": ROWS, "validation/0.jsonl": ROWS.partition(b"\n")[0]}, SHORT)
    execution = journeys.execution_of(upload)
    done = journeys.finish(execution)
    assert done["status"] == "SUCCEEDED", done.get("cause")
    journey = journeys.journey(execution)
    assert {s["name"]: s["status"] for s in journey["stages"]}["CheckRanges"] == "succeeded"
    dataset = journeys.rows(f"DATASET#{journey['run']['dataset_id']}")["DATASET"]
    assert (dataset["files"], dataset["rows"], dataset["train_rows"]) == (2, 3001, 3000)
    staged = json.loads((journeys.cloud.fsx / dataset["listing"]["key"]).read_bytes())
    assert [line["ranges_sha256"] is not None for line in staged["files"]] == [True, False]


def test_the_wrong_line_of_a_large_file_is_named_by_its_number_in_the_file(journeys: Journeys) -> None:
    upload = journeys.drop("large-bad", ROWS + b'{"prompt": \n' + ROWS)
    execution = journeys.execution_of(upload)
    assert journeys.finish(execution)["error"] == "InvalidInput"
    failure = journeys.recorded_failure(execution)["failure"]
    assert failure["code"] == "DatasetRejected"
    assert "train.jsonl line 3001" in failure["why"]


def test_input_typed_wrong_ends_as_our_own_error_that_names_the_key(journeys: Journeys) -> None:
    sfn = journeys.cloud.client("stepfunctions")
    document = {"upload": {"bucket": journeys.bucket, "ky": "datasets/demo/d/train.jsonl"}}
    sfn.start_execution(stateMachineArn=journeys.machine, name="typed-wrong", input=json.dumps(document))
    done = journeys.finish("typed-wrong")
    assert done["error"] == "InvalidInput"
    failure = json.loads(json.loads(done["cause"])["errorMessage"])
    assert failure["code"] == "BadInput"
    assert "`upload.key`: Field required" in failure["why"]

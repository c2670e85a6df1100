"""The journeys' own assertions fail once what they look at is deleted: they read outcomes, not calls.

Each case makes the outcome disappear through the API that holds it, and then runs the very assertion of test_drop_to_model.py again.
"""

import json
from typing import Any

import pytest

from tests.journeys import test_drop_to_model as asserted
from tests.journeys.conftest import Journeys

ROWS = b"".join(b'{"prompt": "Name number %d.", "completion": "It is %d."}\n' % (n, n) for n in range(30))


@pytest.fixture(scope="module")
def made(journeys: Journeys) -> dict[str, Any]:
    """A model of its own, to be taken apart."""
    execution = journeys.execution_of(journeys.drop_with_request("deleted", ROWS, asserted.SHORT))
    done = journeys.finish(execution)
    assert done["status"] == "SUCCEEDED", done.get("cause")
    model: dict[str, Any] = json.loads(done["output"])
    return {**model, "execution": execution}


def test_without_the_promoted_object_the_checkpoint_assertion_fails(journeys: Journeys, made: dict[str, Any]) -> None:
    asserted.test_the_promoted_prefix_holds_a_whole_checkpoint(journeys, made)
    key = made["uri"].partition(journeys.models + "/")[2] + "adapter_model.safetensors"
    journeys.cloud.client("s3").delete_object(Bucket=journeys.models, Key=key)
    with pytest.raises(AssertionError):
        asserted.test_the_promoted_prefix_holds_a_whole_checkpoint(journeys, made)


def test_without_the_ledger_row_the_ledger_assertion_fails(journeys: Journeys, made: dict[str, Any]) -> None:
    row = {"pk": {"S": f"RUN#{made['run_id']}"}, "sk": {"S": "RUN"}}
    assert journeys.rows(f"RUN#{made['run_id']}")["RUN"]["status"] == "succeeded"
    journeys.cloud.client("dynamodb").delete_item(TableName=journeys.cloud.outputs["Ledger"], Key=row)
    with pytest.raises(KeyError):
        asserted.test_the_ledger_says_succeeded_and_holds_no_lease_and_no_wait(journeys, made)


def test_without_the_model_package_the_registry_assertion_fails(journeys: Journeys, made: dict[str, Any]) -> None:
    asserted.test_the_model_package_stands_in_the_registry_approved_by_the_projects_policy(journeys, made)
    sagemaker = journeys.cloud.client("sagemaker")
    sagemaker.delete_model_package(ModelPackageName=made["arn"])
    with pytest.raises(sagemaker.exceptions.ClientError):
        asserted.test_the_model_package_stands_in_the_registry_approved_by_the_projects_policy(journeys, made)

"""WriteLineage: SageMaker's lineage says the same as the passport, whatever came twice, at once, or died half-way."""

from typing import Any

import pytest
from dropforge.adapters import aws
from dropforge.domain.runs import Run
from dropforge.errors import Unavailable

from tests.contracts.repository import Document
from tests.functions.conftest import Call
from tests.functions.registering import admit, drop, to_register
from tests.functions.wires import refusing

pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture
def run() -> Run:
    return admit(drop())


def over(run: Run) -> Document:
    return {"detail-type": "ModelRegistered", "detail": {"project": run.project, "run_id": run.id}}


def chain(arn: str) -> dict[str, tuple[str, str]]:
    """What a model came from by SageMaker's own account: type to URI and digest property."""
    sagemaker = aws.sagemaker()
    (model,) = sagemaker.list_artifacts(SourceUri=arn)["ArtifactSummaries"]
    found: Any = sagemaker.query_lineage(StartArns=[model["ArtifactArn"]], Direction="Ascendants")
    said = {}
    for vertex in found["Vertices"]:
        if vertex["LineageType"] == "Action":
            action = sagemaker.describe_action(ActionName=vertex["Arn"])
            said[vertex["Type"]] = (action["Source"]["SourceUri"], action["Properties"]["passport"])
        else:
            artifact = sagemaker.describe_artifact(ArtifactArn=vertex["Arn"])
            said[vertex["Type"]] = (artifact["Source"]["SourceUri"], artifact["Properties"].get("digest", ""))
    return said


def counted() -> tuple[int, int, int]:
    sagemaker = aws.sagemaker()
    return (
        len(sagemaker.list_artifacts()["ArtifactSummaries"]),
        len(sagemaker.list_actions()["ActionSummaries"]),
        len(sagemaker.list_associations()["AssociationSummaries"]),
    )


def test_a_model_leads_back_to_its_run_its_checkpoint_and_all_that_the_run_used(call: Call, run: Run) -> None:
    wish = to_register(run)
    model = call("register_model", wish)
    call("write_lineage", over(run))
    dataset, plan = wish["dataset"], wish["plan"]
    assert chain(model["arn"]) == {
        "DataSet": (f"s3://{dataset['upload']['bucket']}/{dataset['upload']['key']}", dataset["digest"]),
        "Image": (plan["image"], ""),
        "Recipe": (f"recipe:tiny@sha256:{plan['recipe_digest']}", ""),
        "Training": (run.id, model["passport"]),
        "Checkpoint": (model["uri"], model["digest"]),
    }


def test_told_twice_it_stands_once(call: Call, run: Run) -> None:
    call("register_model", to_register(run))
    assert call("write_lineage", over(run)) == call("write_lineage", over(run))
    assert counted() == (5, 1, 5)


@pytest.mark.parametrize("operation", ["CreateArtifact", "CreateAction", "AddAssociation", "ListAssociations"])
def test_what_died_half_way_is_finished_by_the_next_try(call: Call, run: Run, operation: str) -> None:
    arn = call("register_model", to_register(run))["arn"]
    with refusing(aws.sagemaker(), operation, "ThrottlingException", 10), pytest.raises(Unavailable):
        call("write_lineage", over(run))
    call("write_lineage", over(run))
    assert counted() == (5, 1, 5)
    assert set(chain(arn)) == {"DataSet", "Image", "Recipe", "Training", "Checkpoint"}


def test_two_models_of_one_image_share_it(call: Call, run: Run) -> None:
    other = drop("fish", "other rows", "v2")
    first = call("register_model", to_register(run))
    second = call("register_model", to_register(admit(other, "zoo-fish-1"), other))
    call("write_lineage", over(run))
    call("write_lineage", {"detail-type": "ModelRegistered", "detail": {"project": "zoo", "run_id": second["run_id"]}})
    assert chain(first["arn"])["Image"] == chain(second["arn"])["Image"]
    assert counted()[1] == 2


def test_a_run_that_has_no_model_has_no_lineage(call: Call, run: Run) -> None:
    assert call("write_lineage", over(run))["written"] == 0
    assert counted() == (0, 0, 0)

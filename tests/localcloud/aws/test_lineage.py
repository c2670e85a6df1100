"""SageMaker's lineage: entities once for each source or name, associations, and what a query reaches."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws import LocalAws

Refused = Callable[..., str]


@pytest.fixture(scope="module")
def sagemaker(aws: LocalAws) -> Any:
    return aws.client("sagemaker")


def artifact(sagemaker: Any, uri: str, kind: str = "DataSet", **more: Any) -> str:
    return str(sagemaker.create_artifact(Source={"SourceUri": uri}, ArtifactType=kind, **more)["ArtifactArn"])


@pytest.fixture(scope="module")
def chain(sagemaker: Any) -> dict[str, str]:
    """A dataset and an image, the training that used both, its checkpoint, and the model of that."""
    made = {
        "data": artifact(sagemaker, "s3://b/data", Properties={"digest": "d1"}),
        "image": artifact(sagemaker, "registry/x@sha256:1", "Image"),
        "checkpoint": artifact(sagemaker, "s3://m/1/", "Checkpoint"),
        "model": artifact(sagemaker, "arn:aws:sagemaker:us-east-1:1:model-package/a/1", "Model"),
    }
    action = sagemaker.create_action(ActionName="run-1", Source={"SourceUri": "run-1"}, ActionType="Training")
    made["run"] = action["ActionArn"]
    for source, destination, kind in (
        ("data", "run", "ContributedTo"),
        ("image", "run", "ContributedTo"),
        ("run", "checkpoint", "Produced"),
        ("checkpoint", "model", "DerivedFrom"),
    ):
        sagemaker.add_association(SourceArn=made[source], DestinationArn=made[destination], AssociationType=kind)
    return made


def code(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def reached(sagemaker: Any, **asked: Any) -> list[str]:
    return [vertex["Arn"] for vertex in sagemaker.query_lineage(**asked)["Vertices"]]


def test_a_source_is_one_artifact_and_can_be_found_by_it(sagemaker: Any, chain: dict[str, str]) -> None:
    assert code(lambda: artifact(sagemaker, "s3://b/data")) == "ValidationException"
    found = sagemaker.list_artifacts(SourceUri="s3://b/data")["ArtifactSummaries"]
    assert [one["ArtifactArn"] for one in found] == [chain["data"]]
    described = sagemaker.describe_artifact(ArtifactArn=chain["data"])
    assert (described["Properties"], described["ArtifactType"]) == ({"digest": "d1"}, "DataSet")
    assert described["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:")


def test_the_same_uri_with_another_mark_is_another_source(sagemaker: Any, chain: dict[str, str]) -> None:
    source = {"SourceUri": "s3://b/data", "SourceTypes": [{"SourceIdType": "S3Version", "Value": "v2"}]}
    made = sagemaker.create_artifact(Source=source, ArtifactType="DataSet")["ArtifactArn"]
    assert made != chain["data"]
    sagemaker.delete_artifact(ArtifactArn=made)


def test_an_action_is_made_once_and_changed(sagemaker: Any, chain: dict[str, str]) -> None:
    again = {"ActionName": "run-1", "Source": {"SourceUri": "x"}, "ActionType": "Training"}
    assert code(lambda: sagemaker.create_action(**again)) == "ValidationException"
    sagemaker.update_action(ActionName="run-1", Status="Completed", Properties={"loss": "0.5"})
    found = sagemaker.describe_action(ActionName="run-1")
    assert (found["ActionArn"], found["Status"], found["Properties"]) == (chain["run"], "Completed", {"loss": "0.5"})


def test_a_pair_is_associated_once_and_only_if_both_are_there(sagemaker: Any, chain: dict[str, str]) -> None:
    pair = {"SourceArn": chain["data"], "DestinationArn": chain["run"]}
    assert code(lambda: sagemaker.add_association(**pair)) == "ValidationException"
    nobody = chain["data"][:-4] + "0000"
    assert code(lambda: sagemaker.add_association(SourceArn=nobody, DestinationArn=chain["run"])) == "ResourceNotFound"
    listed = sagemaker.list_associations(DestinationArn=chain["run"], SourceType="Image")["AssociationSummaries"]
    assert [(one["SourceArn"], one["AssociationType"]) for one in listed] == [(chain["image"], "ContributedTo")]


def test_what_is_associated_cannot_be_deleted_until_it_is_taken_apart(sagemaker: Any) -> None:
    one, other = artifact(sagemaker, "s3://x/1"), artifact(sagemaker, "s3://x/2")
    sagemaker.add_association(SourceArn=one, DestinationArn=other)
    assert code(lambda: sagemaker.delete_artifact(ArtifactArn=one)) == "ValidationException"
    sagemaker.delete_association(SourceArn=one, DestinationArn=other)
    assert code(lambda: sagemaker.delete_association(SourceArn=one, DestinationArn=other)) == "ResourceNotFound"
    sagemaker.delete_artifact(ArtifactArn=one)
    assert code(lambda: sagemaker.describe_artifact(ArtifactArn=one)) == "ResourceNotFound"


def test_a_query_walks_in_its_direction_only_and_nearest_first(sagemaker: Any, chain: dict[str, str]) -> None:
    up = reached(sagemaker, StartArns=[chain["model"]], Direction="Ascendants")
    assert up[:2] == [chain["checkpoint"], chain["run"]]
    assert set(up) == {chain[name] for name in ("checkpoint", "run", "data", "image")}
    down = reached(sagemaker, StartArns=[chain["data"]], Direction="Descendants")
    assert down == [chain["run"], chain["checkpoint"], chain["model"]]


def test_a_query_ends_at_its_depth_and_walks_through_what_its_filter_hides(
    sagemaker: Any, chain: dict[str, str]
) -> None:
    start = {"StartArns": [chain["data"]], "Direction": "Descendants"}
    assert reached(sagemaker, **start, MaxDepth=1) == [chain["run"]]
    assert reached(sagemaker, **start, Filters={"Types": ["Model"]}) == [chain["model"]]
    assert reached(sagemaker, **start, Filters={"LineageTypes": ["Action"]}) == [chain["run"]]
    up = {"StartArns": [chain["model"]], "Direction": "Ascendants"}
    assert reached(sagemaker, **up, Filters={"Properties": {"digest": "d1"}}) == [chain["data"]]
    assert code(lambda: sagemaker.query_lineage(**start, MaxDepth=11)) == "ValidationException"


def test_a_query_comes_in_pages(sagemaker: Any, chain: dict[str, str]) -> None:
    found: list[str] = []
    token: dict[str, str] = {}
    while len(found) < 10:
        answer = sagemaker.query_lineage(StartArns=[chain["model"]], Direction="Ascendants", MaxResults=1, **token)
        found += [vertex["Arn"] for vertex in answer["Vertices"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert sorted(found) == sorted(chain[name] for name in ("checkpoint", "run", "data", "image"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"ArtifactName": "two words"},
        {"Properties": {f"p{n}": "" for n in range(31)}},
        {"Properties": {"p": "x" * 4097}},
    ],
)
def test_what_does_not_fit_is_refused(sagemaker: Any, wrong: dict[str, Any]) -> None:
    assert code(lambda: artifact(sagemaker, "s3://wrong/", **wrong)) in ("ValidationException", "ParamValidation")
    assert sagemaker.list_artifacts(SourceUri="s3://wrong/")["ArtifactSummaries"] == []

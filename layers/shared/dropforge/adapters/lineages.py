"""A model's passport as SageMaker's lineage, for those who look there. The passport and the ledger are the record; this is a copy of it.

Every entity is looked for before it is made, and again when making it is refused: somebody was first, or a listing came late. So doing it again, at
the same time, or after it died half-way adds what is missing and nothing twice.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from dropforge.adapters import aws, passports
from dropforge.domain.passports import Passport

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import ArtifactSourceTypeTypeDef

Association = Literal["ContributedTo", "Produced", "DerivedFrom"]


def write(passport: Passport, model_arn: str) -> int:
    """Write where a model came from: artifacts, the run as an action, and what led to what. Returns how many entities and associations stand."""
    held, training, upload = passport.checkpoint, passport.training, passport.dataset.upload
    version: ArtifactSourceTypeTypeDef = {"SourceIdType": "S3Version", "Value": upload.version_id}
    content: ArtifactSourceTypeTypeDef = {"SourceIdType": "Custom", "Value": held.digest}
    rows = {"dataset": passport.dataset.id, "digest": passport.dataset.digest}
    dataset = _artifact(f"s3://{upload.bucket}/{upload.key}", "DataSet", rows, version)
    image = _artifact(training.image, "Image", {"inputs": training.inputs})
    recipe = _artifact(f"recipe:{training.recipe}@sha256:{training.recipe_digest}", "Recipe", {"name": training.recipe})
    checkpoint = _artifact(held.uri, "Checkpoint", {"digest": held.digest, "kind": held.kind}, content)
    model = _artifact(model_arn, "Model", {"passport": passport.digest, "passport_uri": passports.uri(passport)})
    run = _action(passport)
    for source in (dataset, image, recipe):
        _associate(source, run, "ContributedTo")
    _associate(run, checkpoint, "Produced")
    _associate(checkpoint, model, "DerivedFrom")
    return 6 + 5


def _artifact(uri: str, kind: str, properties: dict[str, str], *marks: "ArtifactSourceTypeTypeDef") -> str:
    def find() -> str | None:
        pages = aws.sagemaker().get_paginator("list_artifacts").paginate(SourceUri=uri, ArtifactType=kind)
        found = (one for page in pages for one in page["ArtifactSummaries"])
        return next((one["ArtifactArn"] for one in found if one["Source"].get("SourceTypes", []) == list(marks)), None)

    def make() -> str:
        return aws.sagemaker().create_artifact(
            Source={"SourceUri": uri, "SourceTypes": list(marks)}, ArtifactType=kind, Properties=properties
        )["ArtifactArn"]

    return _once(find, make)


def _action(passport: Passport) -> str:
    name = f"{passport.run_id}-{passport.attempt}"
    properties = {
        "attempt": str(passport.attempt),
        "plan": passport.plan.digest,
        "code": passport.code.digest,
        "code_version": passport.code.version,
        "passport": passport.digest,
    }

    def find() -> str | None:
        try:
            return aws.sagemaker().describe_action(ActionName=name)["ActionArn"]
        except ClientError as error:
            if aws.code_of(error) in ("ResourceNotFound", "ResourceNotFoundException"):
                return None
            raise

    def make() -> str:
        return aws.sagemaker().create_action(
            ActionName=name,
            Source={"SourceUri": passport.run_id, "SourceType": "Dropforge"},
            ActionType="Training",
            Status="Completed",
            Properties=properties,
        )["ActionArn"]

    return _once(find, make)


def _associate(source: str, destination: str, kind: Association) -> None:
    def find() -> str | None:
        found = aws.sagemaker().list_associations(SourceArn=source, DestinationArn=destination)
        return next((one["SourceArn"] for one in found["AssociationSummaries"]), None)

    def make() -> str:
        answer = aws.sagemaker().add_association(SourceArn=source, DestinationArn=destination, AssociationType=kind)
        return answer["SourceArn"]

    _once(find, make)


def _once(find: Callable[[], str | None], make: Callable[[], str]) -> str:
    """Return what is there, or else what is made; a refusal counts only where nothing is there afterwards either."""
    found = find()
    if found is not None:
        return found
    try:
        return make()
    except ClientError as error:
        found = find() if aws.code_of(error) in ("ValidationException", "ConflictException") else None
        if found is None:
            raise
        return found

"""What SageMaker refuses in a model package: lengths and characters of botocore's model, and rules that stand in its documentation alone.

The model card's rules are those of https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-details-model-card-schema.html as far as we
use them: known members, JSON of at most 100,000 characters, custom details of at most 1,024. Not compared with AWS.
"""

import json
import re
from typing import Any

from localcloud.aws.errors import AwsError

_APPROVALS = ("Approved", "Rejected", "PendingManualApproval")
_CARD_STATUSES = ("Draft", "PendingReview", "Approved", "Archived")
_PROPERTY = re.compile(r"[\w\s.:/=+\-@]*")  # ([\p{L}\p{Z}\p{N}_.:/=+\-@]*)
_CARD_MEMBERS = {
    "model_overview",
    "intended_uses",
    "business_details",
    "training_details",
    "evaluation_details",
    "additional_information",
}
_OVERVIEW_MEMBERS = {"model_creator", "model_artifact"}
_PROPERTIES, _KEY, _VALUE, _TOKEN, _DESCRIPTION = 50, 128, 256, 36, 1024
_CARD, _DETAIL = 100_000, 1024


def check(parameters: dict[str, Any]) -> None:
    """Raise ValidationException for what a package, or a change of one, may not hold."""
    status = parameters.get("ModelApprovalStatus", _APPROVALS[0])
    if status not in _APPROVALS:
        raise refused(f"ModelApprovalStatus {status!r} is none of {', '.join(_APPROVALS)}.")
    _check_length("ClientToken", parameters.get("ClientToken", ""), _TOKEN)
    _check_length("ApprovalDescription", parameters.get("ApprovalDescription", ""), _DESCRIPTION)
    if "\n" in parameters.get("ApprovalDescription", "") or "\r" in parameters.get("ApprovalDescription", ""):
        raise refused("ApprovalDescription must satisfy the pattern .*, which holds no line break.")
    _check_length("ModelPackageDescription", parameters.get("ModelPackageDescription", ""), _DESCRIPTION)
    check_properties(parameters.get("CustomerMetadataProperties", {}))
    for container in parameters.get("InferenceSpecification", {}).get("Containers", []):
        _check_source(container.get("ModelDataSource", {}).get("S3DataSource", {}))
    if "ModelCard" in parameters:
        _check_card(parameters["ModelCard"])


def check_properties(properties: dict[str, str]) -> None:
    """Raise ValidationException for customer metadata that a package may not hold."""
    if len(properties) > _PROPERTIES:
        raise refused(f"CustomerMetadataProperties has {len(properties)} entries; at most {_PROPERTIES} are allowed.")
    for key, value in properties.items():
        _check_length("CustomerMetadataProperties' key", key, _KEY)
        _check_length(f"CustomerMetadataProperties[{key}]", value, _VALUE)
        if not key or not _PROPERTY.fullmatch(key) or not _PROPERTY.fullmatch(value):
            raise refused(
                f"CustomerMetadataProperties[{key}] must satisfy the pattern ([\\p{{L}}\\p{{Z}}\\p{{N}}_.:/=+\\-@]*)."
            )


def _check_length(name: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise refused(f"{name} has {len(text)} characters; its length must be less than or equal to {limit}.")


def _check_source(source: dict[str, Any]) -> None:
    if source.get("S3DataType") == "S3Prefix" and not source.get("S3Uri", "").endswith("/"):
        raise refused(f"S3Uri {source.get('S3Uri')!r} must end with a forward slash when S3DataType is S3Prefix.")


def _check_card(card: dict[str, Any]) -> None:
    content = card.get("ModelCardContent", "")
    _check_length("ModelCardContent", content, _CARD)
    if card.get("ModelCardStatus", _CARD_STATUSES[0]) not in _CARD_STATUSES:
        raise refused(f"ModelCardStatus {card['ModelCardStatus']!r} is none of {', '.join(_CARD_STATUSES)}.")
    try:
        parsed = json.loads(content)
    except ValueError as error:
        raise refused(f"ModelCardContent is not JSON: {error}.") from error
    _check_members("ModelCardContent", parsed, _CARD_MEMBERS)
    _check_members("model_overview", parsed.get("model_overview", {}), _OVERVIEW_MEMBERS)
    for key, value in parsed.get("additional_information", {}).get("custom_details", {}).items():
        _check_length(f"custom_details[{key}]", value, _DETAIL)
    _check_length("training_observations", parsed.get("training_details", {}).get("training_observations", ""), _DETAIL)


def _check_members(name: str, found: dict[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(found) - known):
        raise refused(f"{name} does not follow its schema: additional properties {', '.join(unknown)}.")


def refused(why: str) -> AwsError:
    """Return the error for a request that does not fit the operation."""
    return AwsError("ValidationException", why)

"""What FSx resources are while they exist, and the rules they are held to."""

from dataclasses import dataclass
from typing import Any

from localcloud.aws.errors import AwsError
from localcloud.aws.fsx_mount import Association, Mount

DELETION_SECONDS = 60
MAX_ASSOCIATIONS = 8


@dataclass
class Resource:
    """What a file system and an association have in common: an answer, a birth, perhaps a death, in cloud seconds."""

    answer: dict[str, Any]
    born: float
    matures_after: float
    dying_since: float | None = None

    def lifecycle(self, now: float) -> str:
        """CREATING, AVAILABLE or DELETING."""
        if self.dying_since is not None:
            return "DELETING"
        return "AVAILABLE" if now - self.born >= self.matures_after else "CREATING"

    def gone(self, now: float) -> bool:
        """True once its deletion is over."""
        return self.dying_since is not None and now - self.dying_since >= DELETION_SECONDS


ASSOCIATION_FILTERS = {"file-system-id": "FileSystemId"}
TASK_FILTERS = {
    "file-system-id": "FileSystemId",
    "task-lifecycle": "Lifecycle",
}


def filtered(answers: list[dict[str, Any]], parameters: dict[str, Any], names: dict[str, str]) -> list[dict[str, Any]]:
    """The answers that meet every filter of a request; `names` maps a filter to the member it looks at. Raises BadRequest."""
    for condition in parameters.get("Filters") or []:
        if condition["Name"] not in names:
            raise AwsError("BadRequest", f"the local cloud cannot filter by {condition['Name']}")
        answers = [answer for answer in answers if answer[names[condition["Name"]]] in condition["Values"]]
    return answers


def require_place(mount: Mount, report: dict[str, Any]) -> None:
    """Raise BadRequest unless the report of a task, if there is to be one, lies within an association."""
    if not report["Enabled"]:
        return
    bucket, _, key = str(report.get("Path", "")).removeprefix("s3://").partition("/")
    if None in (report.get("Format"), report.get("Scope")):
        raise AwsError("BadRequest", "A report that is enabled needs Path, Format and Scope.")
    if not any(link.bucket == bucket and f"{key}/".startswith(link.prefix) for link in mount.associations.values()):
        raise AwsError("BadRequest", f"The report path {report.get('Path')} lies in no data repository association.")


def require_room(mount: Mount, link: Association) -> None:
    """Raise ServiceLimitExceeded or BadRequest when the association may not be added."""
    if len(mount.associations) >= MAX_ASSOCIATIONS:
        raise AwsError(
            "ServiceLimitExceeded", f"A file system can have {MAX_ASSOCIATIONS} data repository associations."
        )
    for other in mount.associations.values():
        if link.overlaps(other):
            raise AwsError(
                "BadRequest", f"{link.path} overlaps {other.path}, or both have the same data repository path"
            )

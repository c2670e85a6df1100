"""What a file system is asked to do, and whose turn it is: FSx for Lustre runs one data repository task at a time."""

from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError

from dropforge.domain.values import Received, Slug, Value

SCARCE = 0.15  # of a file system that is free
LINE_HOURS = 7 * 24  # how long a task may wait for its turn
COPY_HOURS = 24  # how long it may take from its start


class FileSystemTask(Value):
    """A data repository task. Imports take `s3://` paths, exports paths relative to the mount.

    `report` is the S3 URI below which FSx tells of files that failed (empty for none).
    """

    file_system: str
    kind: Literal["import", "export"]
    paths: tuple[str, ...]
    report: str = ""


class Room(Received):
    """How much room a file system has, in bytes, as a job that saw it says in its termination message."""

    total: PositiveInt = Field(alias="file_system_bytes")
    free: NonNegativeInt = Field(alias="file_system_free")

    @property
    def is_scarce(self) -> bool:
        """Whether somebody should make room before a run finds it full."""
        return self.free < self.total * SCARCE


def read_room(message: str) -> Room | None:
    """Return what a job's termination message says of its file system; None when it says nothing that can be read."""
    try:
        return Room.model_validate_json(message)
    except ValidationError:
        return None


class Turn(Value):
    """Who has a file system to itself: the name of a wait, and what it is for, to tell those who wait."""

    holder: str
    cluster: Slug
    run_id: str
    step: str
    since: str

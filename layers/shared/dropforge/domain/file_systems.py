"""What a file system is asked to do, and whose turn it is: FSx for Lustre runs one data repository task at a time."""

from typing import Literal

from dropforge.domain.values import Slug, Value

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


class Turn(Value):
    """Who has a file system to itself: the name of a wait, and what it is for, to tell those who wait."""

    holder: str
    cluster: Slug
    run_id: str
    step: str
    since: str

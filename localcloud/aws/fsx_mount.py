"""A file system as a folder: what is linked where, and which files S3 has as they are."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from localcloud.aws.errors import AwsError


@dataclass(frozen=True)
class Association:
    """A directory of the file system (`path`, absolute, without trailing slash) and the S3 prefix it mirrors (empty or ending in a slash)."""

    path: str
    bucket: str
    prefix: str

    @staticmethod
    def of(path: str, repository: str) -> "Association":
        """From the API's spelling; raises BadRequest."""
        if not path.startswith("/"):
            raise AwsError("BadRequest", "FileSystemPath must start with a slash.")
        if not repository.startswith("s3://"):
            raise AwsError("BadRequest", "DataRepositoryPath must start with s3://.")
        bucket, _, prefix = repository.removeprefix("s3://").partition("/")
        return Association(path.rstrip("/") or "/", bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")

    def overlaps(self, other: "Association") -> bool:
        """True when one directory lies in the other, or both mirror the same prefix."""
        if (self.bucket, self.prefix) == (other.bucket, other.prefix):
            return True
        mine, theirs = PurePosixPath(self.path), PurePosixPath(other.path)
        return mine.is_relative_to(theirs) or theirs.is_relative_to(mine)

    def key(self, path: PurePosixPath) -> str:
        """The S3 key of a file (`path` absolute in the file system, under this association)."""
        return self.prefix + str(path.relative_to(self.path))


@dataclass
class Mount:
    """A file system as tasks see it: the folder, what is linked where, and the state of every file when S3 last had it."""

    folder: Path
    associations: dict[str, Association] = field(default_factory=dict)
    synced: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def path(self, inside: str | PurePosixPath) -> Path:
        """The place on disk of a path in the file system; BadRequest when it leads outside."""
        place = self.folder / str(inside).lstrip("/")
        if ".." in place.parts:
            raise AwsError("BadRequest", f"{inside} leads out of the file system")
        return place

    def inside(self, file: Path) -> PurePosixPath:
        """The absolute path in the file system of a file on disk."""
        return PurePosixPath("/") / file.relative_to(self.folder).as_posix()

    def association_of(self, inside: PurePosixPath) -> Association | None:
        """The association a path belongs to."""
        return next((link for link in self.associations.values() if inside.is_relative_to(link.path)), None)

    def changed(self, file: Path) -> bool:
        """True when S3 does not have this version of the file."""
        return self.synced.get(file) != version(file)


def version(file: Path) -> tuple[int, int]:
    """What changes when a file is written: modification time in ns, size in bytes."""
    status = file.stat()
    return status.st_mtime_ns, status.st_size

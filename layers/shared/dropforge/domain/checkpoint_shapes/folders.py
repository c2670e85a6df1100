"""A folder as the shapes see it: paths, sizes, and a way to read a stretch of a file; a disk and S3 look alike."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import basename
from typing import Protocol, TypeVar

import msgspec

from dropforge.domain.checkpoint_shapes.refusals import NotWhole, shown

Read = Callable[[str, int, int], bytes]
GLANCE = 256 << 10  # bytes; over S3, where requests cost and bytes do not
GLANCE_ON_DISK = 8 << 10  # bytes; where another read costs less than what is read in vain
LONGEST_JSON = 64 << 20  # bytes; the index of a model with a million tensors has about as many
T = TypeVar("T")


class Spread(Protocol):
    """How a question is put to many files: one after another, or many at once. Answers come in the order of the files."""

    def __call__(self, ask: Callable[[str], T], paths: Iterable[str], /) -> Iterator[T]:
        """Ask of each path."""
        ...


@dataclass(frozen=True)
class Folder:
    """A folder: `sizes` of its files (bytes by relative path), `reading(path, offset, length)`, which may return less.

    `left_out` says why a path is not among the files (a link that leads out, say). `has_beside(suffix)` says whether a file whose name is
    the folder's own with a suffix lies beside it. `place` is where the folder lies in the one that was asked for: empty, or with a slash at
    its end; `around` is the folder it was taken from. `glance` is how many bytes at the start of a file of weights are read at once.
    """

    sizes: Mapping[str, int]
    reading: Read
    spread: Spread = map
    left_out: Mapping[str, str] = field(default_factory=dict)
    has_beside: Callable[[str], bool] = lambda _: False
    place: str = ""
    around: "Folder | None" = None
    glance: int = GLANCE

    def below(self, prefix: str) -> "Folder":
        """Return the folder at a prefix, which ends in a slash or is empty."""
        if prefix == "":
            return self
        cut = len(prefix)
        name = prefix[:-1]
        return Folder(
            sizes={path[cut:]: size for path, size in self.sizes.items() if path.startswith(prefix)},
            reading=lambda path, offset, length: self.reading(prefix + path, offset, length),
            spread=self.spread,
            left_out={path[cut:]: why for path, why in self.left_out.items() if path.startswith(prefix)},
            has_beside=lambda suffix: name + suffix in self.sizes,
            place=self.place + prefix,
            around=self,
            glance=self.glance,
        )

    def neighbour(self, name: str) -> str | None:
        """Return the path in `around` of a file beside this folder, or None."""
        if self.around is None:
            return None
        path = self.place.removeprefix(self.around.place).rstrip("/").rpartition("/")
        found = path[0] + path[1] + name
        return found if found in self.around.sizes else None

    def here(self) -> list[str]:
        """Return the names of the files that lie directly in the folder, sorted."""
        return sorted(path for path in self.sizes if "/" not in path)

    def require(self, path: str, why: str = "the checkpoint is not complete without it") -> int:
        """Return the size of a file. Raises NotWhole when it is missing or empty."""
        if path not in self.sizes:
            raise self.broken(path, f"it {self.left_out[path]}." if path in self.left_out else f"it is missing: {why}.")
        if self.sizes[path] == 0:
            raise self.broken(path, "it is empty: its content was never written.")
        return self.sizes[path]

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Return exactly that stretch. Raises NotWhole when the file has become shorter."""
        got = self.reading(path, offset, length) if length else b""
        if len(got) != length:
            raise self.broken(
                path,
                f"only {len(got):,} of {length:,} bytes at {offset:,} could be read: it has changed while it was looked at.",
            )
        return got

    def read_json(self, path: str) -> dict[str, object]:
        """Return a JSON object. Raises NotWhole."""
        size = self.require(path)
        if size > LONGEST_JSON:
            raise self.broken(path, f"it has {size:,} bytes; nothing above {LONGEST_JSON:,} is read as JSON.")
        return self.decoded(path, self.read(path, 0, size))

    def decoded(self, path: str, raw: bytes) -> dict[str, object]:
        """Return the JSON object in bytes of a file. Raises NotWhole."""
        try:
            return msgspec.json.decode(raw, type=dict[str, object])
        except msgspec.ValidationError as error:
            raise self.broken(path, "it is not a JSON object.") from error
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise self.broken(path, f"it is not JSON: {shown(error)}.") from error

    def ask(self, question: Callable[[str], T], paths: Iterable[str]) -> dict[str, T]:
        """Return the answer for each path; many may be read at once."""
        known = list(paths)
        return dict(zip(known, self.spread(question, known), strict=True))

    def broken(self, path: str, why: str) -> NotWhole:
        """Return the error for a file of this folder."""
        return NotWhole(self.place + path, why)


def is_plain(name: str) -> bool:
    """Whether a name that a file gives for its neighbour can only mean a neighbour."""
    return name not in ("", ".", "..") and basename(name) == name and "\\" not in name and "\0" not in name

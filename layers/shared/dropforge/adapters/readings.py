"""Reading an upload: every byte once, hashed and checked as it passes, by one function or by several side by side.

A function that reads a range never fails for what it finds there: it writes it down, and the one that joins all ranges says it. A failed
range would end its whole Map under a name that tells nobody anything.
"""

from collections.abc import Iterable
from itertools import chain

from dropforge.adapters import listings, storage
from dropforge.domain import rows
from dropforge.domain.blocks import Hashed, gunzip
from dropforge.domain.datasets import File, Files, Listing, Manifest, is_packed
from dropforge.domain.duplicates import Duplicates
from dropforge.domain.ranges import Range, Slice, Stretch, divide, is_divided, joined_digest
from dropforge.domain.readings import Reading, Readings
from dropforge.domain.reports import Report, merge
from dropforge.domain.uploads import folder
from dropforge.errors import InvalidInput, NotFound


def read_range(manifest: Manifest, number: int) -> None:
    """Read one range of an upload and write what was found beside its listing."""
    listed = listings.read(manifest.listing)
    found = _read(manifest.listing, listed, divide(listed)[number])
    storage.write(manifest.listing.bucket, _place(manifest.listing, number), found.model_dump_json().encode())


def read_all(manifest: Manifest) -> tuple[Files, list[Report]]:
    """Return the files as they were read and what was found in each. Raises NotFound (UploadGone) or InvalidInput (ListingChanged)."""
    listed = listings.read(manifest.listing)
    shares = divide(listed)
    if manifest.ranges:
        found = [_written(manifest.listing, number) for number in range(len(shares))]
    else:
        found = [_read(manifest.listing, listed, share) for share in shares]
    return _by_file(listed, found)


def _read(listing: Listing, listed: Files, share: Range) -> Readings:
    """Read a share, and once more what may be there twice: rows are compared inside one share.

    A share with faults is refused anyway, and one that breaks off could not be read a second time: it is read once.
    """
    seen = Duplicates.of_bytes(sum(piece.end - piece.begin for piece in share))
    try:
        readings = tuple(_read_slice(listing.bucket, listed, piece, seen) for piece in share)
        if seen.needs_second_pass and all(one.report.accepted for one in readings):
            readings = tuple(
                _read_again(listing.bucket, listed, piece, one, seen)
                for piece, one in zip(share, readings, strict=True)
            )
    except NotFound as problem:
        return Readings(listing=listing.sha256, failure=problem.failure)
    return Readings(listing=listing.sha256, readings=readings)


def _read_slice(bucket: str, listed: Files, piece: Slice, seen: Duplicates) -> Reading:
    file = listed.files[piece.file]
    blocks, source = _open(bucket, listed, piece)
    report = rows.check(blocks, file.path, file.role, seen, start=piece.begin == 0)
    return Reading(file=piece.file, report=report, sha256=source.sha256)


def _read_again(bucket: str, listed: Files, piece: Slice, found: Reading, seen: Duplicates) -> Reading:
    blocks, _ = _open(bucket, listed, piece)
    return found.model_copy(update={"report": rows.check_again(blocks, found.report, seen)})


def _open(bucket: str, listed: Files, piece: Slice) -> tuple[Iterable[bytes], Hashed | Stretch]:
    """Return a slice's rows as blocks, and what hashes the slice's own bytes while they pass.

    A range is read on to the end of its last line; one in which no line starts has no rows.
    """
    file = listed.files[piece.file]
    if is_divided(file, listed.range_bytes):
        last = min(piece.end + rows.MAX_LINE + rows.BLOCK, file.bytes)
        stretch = Stretch(storage.read_blocks(bucket, file, max(piece.begin - 1, 0), last), piece.begin, piece.end)
        return stretch, stretch
    hashed = Hashed(storage.read_blocks(bucket, file, 0, piece.end))
    return gunzip(hashed) if is_packed(file) else hashed, hashed


def _place(listing: Listing, number: int) -> str:
    return f"{folder(listing.key)}ranges/{number}.json"


def _written(listing: Listing, number: int) -> Readings:
    key = _place(listing, number)
    body = storage.read_newest(listing.bucket, key)
    if body is None:
        raise NotFound("UploadGone", f"`{key}`, which says what was read, is not there any more.", {"key": key})
    found = Readings.model_validate_json(body)
    if found.listing != listing.sha256:
        raise InvalidInput("ListingChanged", f"`{key}` was written for other files of the same upload.", {"key": key})
    return found


def _by_file(listed: Files, found: list[Readings]) -> tuple[Files, list[Report]]:
    failed = next((one.failure for one in found if one.failure), None)
    if failed is not None:
        raise NotFound(failed.code, failed.why, failed.evidence)
    parts: list[list[Reading]] = [[] for _ in listed.files]
    for reading in chain.from_iterable(one.readings for one in found):
        parts[reading.file].append(reading)
    files = tuple(_as_read(file, own, listed.range_bytes) for file, own in zip(listed.files, parts, strict=True))
    return Files(range_bytes=listed.range_bytes, files=files), [merge(part.report for part in own) for own in parts]


def _as_read(file: File, parts: list[Reading], range_bytes: int) -> File:
    """Return a file with what was read of it. The claim of a file that was read in ranges stays a claim."""
    found: dict[str, object] = {"rows": sum(part.report.rows for part in parts)}
    if is_divided(file, range_bytes):
        found["ranges_sha256"] = joined_digest([part.sha256 for part in parts])
    else:
        found["sha256"] = parts[0].sha256
    return file.model_copy(update=found)

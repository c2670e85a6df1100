"""Promoted checkpoints: whether what has arrived in S3 is what the verify job read, and whole.

Structure is judged from the manifest, the small JSON files and each safetensors header, so a checkpoint of any size is checked with a few ranged
reads. Bytes that changed on the way show in the CRC-64 that S3 keeps of each object; where S3 has none, only sizes are compared, and that is said.
"""

import re
from collections.abc import Mapping, Sequence

from dropforge.domain.checkpoint_shapes import hugging_face, peft
from dropforge.domain.checkpoint_shapes.folders import Folder
from dropforge.domain.checkpoint_shapes.headers import read_header
from dropforge.domain.checkpoint_shapes.refusals import NotWhole
from dropforge.domain.checkpoint_shapes.seal import Line, Manifest, check_marker, check_sizes, read_seal
from dropforge.domain.checkpoint_shapes.shape import Shape
from dropforge.domain.checkpoints import Checkpoint, Kind
from dropforge.domain.file_systems import FileSystemTask
from dropforge.domain.jobs import JobResult
from dropforge.domain.plans import export_folder
from dropforge.domain.runs import Run
from dropforge.errors import WorkloadFailed

REPORTS = (
    "task-reports"  # of FSx; a project's name is a slug too, so its reports could lie beside these and harm nothing
)
HASH = re.compile(r"[0-9a-f]{64}")
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
WEIGHTS = (".safetensors", *PICKLED)
SHAPES: dict[Kind, Shape] = {"peft": peft.SHAPE, "hf": hugging_face.SHAPE}


def reported(jobs: Sequence[JobResult]) -> str:
    """Return the manifest's SHA-256 of the model that the last job verified. Raises WorkloadFailed (CheckpointRejected) when none did."""
    found = [job.message["manifest_sha256"] for job in jobs if "manifest_sha256" in job.message]
    if not (found and isinstance(found[-1], str) and HASH.fullmatch(found[-1])):
        why = "No job of the run reported the hash of a model that it has verified: the recipe's last step must."
        raise WorkloadFailed("CheckpointRejected", why, {"jobs": [job.step for job in jobs]})
    return found[-1]


def export(run: Run, file_system: str, bucket: str, jobs: Sequence[JobResult]) -> FileSystemTask:
    """Return the task that copies what the last job verified to the models bucket. Raises WorkloadFailed (CheckpointRejected)."""
    report = f"s3://{bucket}/exports/{REPORTS}/{run.id}/{run.attempt}"
    paths = (export_folder(run.project, reported(jobs)),)
    return FileSystemTask(file_system=file_system, kind="export", paths=paths, report=report)


def verify(uri: str, folder: Folder, digest: str, crcs: Mapping[str, str]) -> Checkpoint:
    """Open and check what an export has brought; it has no marker yet. `digest` is the manifest's SHA-256 as the verify job reported it.

    `crcs` are the CRC-64/NVME that S3 has of objects, in base64, by path. Raises WorkloadFailed (CheckpointRejected) naming the file.
    """
    try:
        return _verified(uri, folder, digest, crcs)
    except NotWhole as fault:
        raise WorkloadFailed("CheckpointRejected", f"`{fault.path}`: {fault.why}", {"file": fault.path}) from fault


def is_finished(folder: Folder, digest: str) -> bool:
    """Whether a promotion came to its end: the marker, which is written last, names this manifest."""
    try:
        check_marker(folder, digest)
    except NotWhole:
        return False
    return True


def _verified(uri: str, folder: Folder, digest: str, crcs: Mapping[str, str]) -> Checkpoint:
    manifest, found = read_seal(folder)
    if found != digest:
        raise folder.broken("manifest.json", f"its hash is {found[:12]}, the verify job read {digest[:12]}.")
    kind = _kind(folder, manifest)
    _check_listing(folder, manifest.files)
    compared = _compare(folder, manifest.files, crcs)
    return Checkpoint(
        uri=uri,
        kind=kind,
        digest=digest,
        base_model=manifest.base or "",
        tensors=_check_shape(SHAPES[kind], folder, manifest.files),
        bytes=sum(line.bytes for line in manifest.files),
        files=len(manifest.files),
        compared=compared,
        loss_before=manifest.loss_before,
        loss_after=manifest.loss_after,
    )


def _kind(folder: Folder, manifest: Manifest) -> Kind:
    for kind in SHAPES:
        if manifest.kind == kind:
            return kind
    raise folder.broken("manifest.json", f"it is of a model of kind `{manifest.kind}`; known are {', '.join(SHAPES)}.")


def _check_listing(folder: Folder, lines: Sequence[Line]) -> None:
    """Refuse what is missing, has another size, is not listed, or is pickled: only what is listed was hashed on the file system."""
    check_sizes(folder, lines)
    listed = {line.path for line in lines}
    stray = next((path for path in folder.sizes if path.endswith(WEIGHTS) and path not in listed), None)
    if stray is not None:
        raise folder.broken(stray, "it is not listed in manifest.json.")
    pickled = next((path for path in listed if path.endswith(PICKLED)), None)
    if pickled is not None:
        raise folder.broken(pickled, "it is pickled: whoever loads it runs what is in it. Write safetensors.")


def _compare(folder: Folder, lines: Sequence[Line], crcs: Mapping[str, str]) -> int:
    """Return how many files have the same CRC-64 in S3 as in the manifest. Raises NotWhole for one that has another."""
    both = [(line.path, line.crc64nvme, crcs[line.path]) for line in lines if line.crc64nvme and line.path in crcs]
    for path, expected, found in both:
        if expected != found:
            raise folder.broken(path, f"its CRC-64 in S3 is {found}, manifest.json says {expected}.")
    return len(both)


def _check_shape(shape: Shape, folder: Folder, lines: Sequence[Line]) -> int:
    """Check what is listed as `dropforge verify` does, and open all safetensors beside it (a base model, say); return the number of tensors."""
    opened = set[str]()

    def reading(path: str, offset: int, length: int) -> bytes:
        opened.add(path)
        return folder.reading(path, offset, length)

    listed = Folder({line.path: line.bytes for line in lines}, reading, glance=folder.glance)
    tensors = len(shape.check(listed).tensors)
    beside = [line.path for line in lines if line.path.endswith(".safetensors") and line.path not in opened]
    return tensors + sum(len(read_header(listed, path)) for path in beside)

"""What an image reference means here: a folder with a program, instead of layers to pull.

Only digests resolve. A tag names different programs on different days, and a cluster that accepted one would hide that.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_REFERENCE = re.compile(r"^(?P<registry>[^/@]+)/(?P<repository>[^@]+)@sha256:(?P<digest>[0-9a-f]+)$")


@dataclass(frozen=True)
class Image:
    """One program: `root` is put on PYTHONPATH, `env` is what the image itself sets; `digest` is "sha256:<hex>"."""

    repository: str
    digest: str
    root: Path
    env: Mapping[str, str] = field(default_factory=dict)


class ImageMissingError(Exception):
    """No such image; the message is what a container runtime would say."""


def resolve(reference: str, images: Mapping[str, Image]) -> Image:
    """Find the image behind `<registry>/<repository>@sha256:<digest>`; ImageMissingError for anything else."""
    found = _REFERENCE.match(reference)
    if not found:
        raise ImageMissingError(f'failed to resolve image "{reference}": the local cluster knows images by digest only')
    for image in images.values():
        if (image.repository, image.digest.removeprefix("sha256:")) == (found["repository"], found["digest"]):
            return image
    raise ImageMissingError(f'failed to pull and unpack image "{reference}": failed to resolve reference: not found')

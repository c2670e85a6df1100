"""Folders that appear whole under their name and disappear from it whole; shared file systems have other readers.

Whatever is unfinished, set aside or half deleted is called `.<name>-<32 hex>`, which no reader takes for the thing.
"""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def unfinished(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that no other writer has, gone afterwards unless it was renamed."""
    workplace = beside(folder)
    workplace.mkdir(parents=True)
    try:
        yield workplace
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def set_aside(folder: Path, mark: str = "") -> Path:
    """Give a folder a name that nobody reads, with a mark in front if need be, and return it."""
    aside = beside(folder, mark)
    try:
        folder.rename(aside)
    except FileNotFoundError:
        return aside  # another writer was quicker
    return aside


def discard(folder: Path) -> None:
    """Set a folder aside, then delete it: deleting it in place would take time in which others see half of it."""
    is_aside = folder.name.startswith(".")
    shutil.rmtree(folder if is_aside else set_aside(folder), ignore_errors=True)


def beside(folder: Path, mark: str = "") -> Path:
    """Return an unused name for something that is not yet, or no longer, `folder`."""
    return folder.with_name(f".{mark}{folder.name}-{uuid.uuid4().hex}")

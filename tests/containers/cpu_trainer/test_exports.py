"""A verified model moves to a folder named by its manifest, once, whoever is interrupted or comes second."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cpu_trainer.checkpoint import MARKER, read_sealed
from cpu_trainer.errors import Failure
from cpu_trainer.exports import NOTE, export
from cpu_trainer.huggingface import ADAPTER_WEIGHTS


@pytest.fixture
def finished(model: Callable[[str], Path], tmp_path: Path) -> Path:
    """A finished model in the folder of an attempt."""
    folder = tmp_path / "runs" / "1" / "model"
    shutil.copytree(model("lora"), folder)
    return folder


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    return tmp_path / "exports"


def damage(folder: Path) -> None:
    content = bytearray((folder / ADAPTER_WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / ADAPTER_WEIGHTS).write_bytes(content)


def test_it_moves_whole_under_its_manifests_hash_and_its_marker_stays_behind(finished: Path, exports: Path) -> None:
    digest = read_sealed(finished).manifest_sha256
    exported = export(finished, exports)
    assert (exported.folder, exported.verified.sealed.manifest_sha256) == (exports / digest, digest)
    assert (finished.exists(), (exports / digest / MARKER).exists()) == (False, False)
    assert read_sealed(exports / digest).manifest_sha256 == digest


def test_run_again_it_finds_what_it_has_moved(finished: Path, exports: Path) -> None:
    first = export(finished, exports)
    assert export(finished, exports) == first


def test_interrupted_between_the_move_and_the_marker_it_goes_on(finished: Path, exports: Path) -> None:
    first = export(finished, exports)
    (first.folder / MARKER).write_text("{}")
    assert export(finished, exports) == first
    assert not (first.folder / MARKER).exists()


def test_interrupted_before_the_move_it_moves(finished: Path, exports: Path) -> None:
    (finished.parent / NOTE).write_text('{"manifest_sha256": "' + "0" * 64 + '"}')
    assert export(finished, exports).folder.name == read_sealed(next(exports.iterdir())).manifest_sha256


def another(finished: Path, tmp_path: Path, attempt: str = "1") -> Path:
    """The same model of another run."""
    other = tmp_path / "others" / attempt / "model"
    shutil.copytree(finished, other)
    return other


def inode(folder: Path) -> int:
    return (folder / ADAPTER_WEIGHTS).stat().st_ino


def test_the_same_model_of_another_run_is_the_same_folder_and_its_files_stay(
    finished: Path, exports: Path, tmp_path: Path
) -> None:
    other = another(finished, tmp_path)
    first = export(finished, exports)
    before = inode(first.folder)
    assert export(other, exports) == first
    assert (len(list(exports.iterdir())), other.exists(), inode(first.folder)) == (1, False, before)


def test_the_same_model_of_a_later_attempt_is_new_files_which_an_export_brings_again(
    finished: Path, exports: Path
) -> None:
    later = finished.parent.parent / "2" / "model"
    shutil.copytree(finished, later)
    first = export(finished, exports)
    before = inode(first.folder)
    assert export(later, exports) == first
    assert (len(list(exports.iterdir())), later.exists(), inode(first.folder) != before) == (1, False, True)


def test_a_damaged_one_in_its_place_is_set_aside_and_not_deleted(finished: Path, exports: Path) -> None:
    other = finished.parent.parent / "2" / "model"
    shutil.copytree(finished, other)
    damage(export(finished, exports).folder)
    exported = export(other, exports)
    assert read_sealed(exported.folder).manifest_sha256 == exported.folder.name
    (aside,) = (folder for folder in exports.iterdir() if folder != exported.folder)
    assert aside.name.startswith(".")
    assert (aside / ADAPTER_WEIGHTS).is_file()


def test_a_damaged_model_stays_where_it_is(finished: Path, exports: Path) -> None:
    damage(finished)
    with pytest.raises(Failure, match=ADAPTER_WEIGHTS):
        export(finished, exports)
    assert (finished.exists(), exports.exists()) == (True, False)


@pytest.mark.parametrize("note", [None, "{", "[]", '{"manifest_sha256": "../../etc"}'])
def test_a_model_that_is_nowhere_is_named(finished: Path, exports: Path, note: str | None) -> None:
    shutil.rmtree(finished)
    if note is not None:
        (finished.parent / NOTE).write_text(note)
    with pytest.raises(Failure) as raised:
        export(finished, exports)
    assert raised.value.code == "not-whole"

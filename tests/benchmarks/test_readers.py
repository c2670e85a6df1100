"""The benchmarks of datasets and checkpoints measure what they say: every way reads all of the same rows, and what is verified is whole."""

from pathlib import Path

from benchmarks import checkpoint, dataset, manifest

ROWS = 40


def test_every_way_to_read_a_dataset_reads_every_row(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"".join(map(dataset._row, range(ROWS))))
    ways = (dataset.report, dataset.count, dataset.by_json, dataset.by_pydantic)
    assert [way(path) for way in ways] == [ROWS] * 4
    assert path.stat().st_size / ROWS > 3000


def test_the_checkpoint_that_is_verified_is_whole_and_as_large_as_asked() -> None:
    figures = {figure.what: figure for figure in checkpoint.run(100, 1)}
    assert 0.09 < figures["size"].value < 0.11
    assert figures["verification / SHA-256"].most is None  # the bound is for 10 GB


def test_a_job_is_built_and_read() -> None:
    assert all(figure.value > 0 for figure in manifest.run(1, 1))

"""The rows that are shipped are the ones their writer makes, and all of them can be learnt from."""

import runpy
from pathlib import Path

import cpu_trainer
import pytest
from cpu_trainer.prepare import CORPUS
from cpu_trainer.rows import read_examples

WRITER = runpy.run_path(str(Path(cpu_trainer.__file__).parents[1] / "write_rows.py"))


@pytest.mark.parametrize(("path", "rows"), [(CORPUS, "corpus"), (WRITER["GREETINGS"], "greetings")])
def test_shipped_rows_are_what_their_writer_makes(path, rows):
    assert path.read_text() == WRITER["as_lines"](WRITER[rows]())


@pytest.mark.parametrize(("path", "count"), [(CORPUS, 398), (WRITER["GREETINGS"], 240)])
def test_shipped_rows_are_distinct_and_fit_whole(path, count):
    examples = read_examples(path, 160)
    assert len(set(examples)) == len(examples) == count
    assert max(len(example.ids) for example in examples) < 160

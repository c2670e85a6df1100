"""`dropforge check`: what an upload would be told, before it is one."""

import gzip
import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.golden_files import check_golden

GOOD = '{"prompt": "What is %s?", "completion": "A word."}\n'
BAD = '{"prompt": "Half a"\n{"prompt": "", "completion": "x"}\n{"messages": [{"role": "user", "content": "hi"}]}\n'


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def rows(count: int, first: int = 0) -> str:
    return "".join(GOOD % number for number in range(first, first + count))


def test_a_good_file_is_accepted(run: Run, tmp_path: Path) -> None:
    ran = run("check", str(written(tmp_path, "train.jsonl", rows(30))))
    assert (ran.code, ran.out, ran.err) == (
        0,
        "train.jsonl: 30 rows, sft (prompt-completion), train\naccepted: 30 rows in 1 file\n",
        "",
    )


def test_every_fault_is_said_with_its_line_and_what_to_change(run: Run, tmp_path: Path) -> None:
    ran = run("check", str(written(tmp_path, "train.jsonl", rows(2) + BAD)))
    assert ran.code == 1
    check_golden("check_rejected.txt", ran.out)


def test_a_packed_file_is_read_and_a_broken_one_is_rejected(run: Run, tmp_path: Path) -> None:
    path = written(tmp_path, "train.jsonl.gz", rows(30))
    assert run("check", str(path)).code == 0
    path.write_bytes(path.read_bytes()[:-20])
    assert run("check", str(path)).code == 1


def test_a_folder_is_one_dataset_and_a_row_of_training_may_not_be_held_out(run: Run, tmp_path: Path) -> None:
    written(tmp_path, "train/a.jsonl", rows(20))
    written(tmp_path, "validation.jsonl", rows(1, first=3))
    ran = run("check", str(tmp_path), "--json")
    found = json.loads(ran.out)
    assert (ran.code, found["accepted"]) == (1, False)
    assert [file["file"] for file in found["files"]] == ["train/a.jsonl", "validation.jsonl"]
    assert found["files"][1]["counts"] == {"Leakage": 1}


def test_rows_of_another_kind_than_asked_for_are_rejected(run: Run, tmp_path: Path) -> None:
    ran = run("check", str(written(tmp_path, "train.jsonl", rows(3))), "--kind", "dpo")
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "rejected: The rows are sft, not dpo.")


def test_what_is_not_there_or_holds_nothing_is_a_mistake_of_usage(run: Run, tmp_path: Path) -> None:
    for path, said in ((tmp_path / "none.jsonl", "does not exist"), (tmp_path, "no .jsonl")):
        ran = run("check", str(path))
        assert ran.code == 2
        assert said in " ".join(ran.err.replace("│", " ").split())


def test_a_command_that_is_nearly_right_is_suggested(run: Run) -> None:
    ran = run("chek", "x")
    assert ran.code == 2
    assert "Did you mean 'check'?" in ran.err

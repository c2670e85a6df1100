"""The steps as a job runs them: real processes, their exit codes, lines and termination messages."""

import json
import re

import pytest
from cpu_trainer.checkpoint import MARKER
from cpu_trainer.report import LIMIT

from .conftest import SMALL, SMALL_FLAGS

PROGRESS = re.compile(r"step=(\d+)/(\d+) loss=\d+\.\d{4} rate=\d\.\de[-+]\d+")


def test_a_model_is_prepared_trained_verified_and_speaks(run, data, tmp_path):
    cache, out = tmp_path / "cache", tmp_path / "out"
    prepared = run("prepare", "--cache", cache, *SMALL_FLAGS)
    assert (prepared.code, prepared.message["cached"]) == (0, False)
    assert prepared.message["base"] == str(cache / f"base-{prepared.message['digest']}")

    trained = run("train", "--data", data, "--cache", cache, "--out", out, "--steps", 40, *SMALL_FLAGS)
    assert trained.code == 0
    lines = [line for line in trained.out.splitlines() if line.startswith("step=")]
    assert [PROGRESS.fullmatch(line) is not None for line in lines] == [True] * 21
    assert lines[0].startswith("step=1/40 ")
    assert lines[-1].startswith("step=40/40 ")
    assert trained.message["loss_after"] < trained.message["loss_before"]
    assert json.loads((out / MARKER).read_text()) == {"manifest_sha256": trained.message["manifest_sha256"]}

    verified = run("verify", "--model", out)
    assert verified.code == 0
    assert verified.message["manifest_sha256"] == trained.message["manifest_sha256"]
    assert verified.message["kind"] == "peft"

    spoken = run("generate", "--model", out, "--prompt", "Say one.", "--tokens", 5, "--json")
    assert spoken.code == 0
    assert 1 <= len(json.loads(spoken.out)["ids"]) <= 5


def test_short_names_of_the_base_flags_name_the_same_base(run, cache):
    flags = ("--steps", 4, "--hidden-size", 16, "--layers", 1, "--heads", 2)
    assert run("prepare", "--cache", cache, *flags).message["cached"] is True


def test_full_training_starts_from_a_folder(run, data, cache, tmp_path):
    base = SMALL.folder(cache)
    ended = run("train", "--mode", "full", "--data", data, "--base", base, "--out", tmp_path / "out", "--steps", 2)
    assert (ended.code, ended.message["mode"], ended.message["base"]) == (0, "full", base.name)
    assert run("verify", "--model", tmp_path / "out").message["kind"] == "hf"


def test_a_bad_row_is_the_users_to_mend(run, cache, write_rows, tmp_path):
    path = write_rows({"prompt": "a", "completion": "b"}, "nonsense\n")
    ended = run("train", "--data", path, "--base", SMALL.folder(cache), "--out", tmp_path / "out")
    assert ended.code == 1
    assert ended.message.keys() == {"step", "ok", "code", "cause", "next"}
    assert (ended.message["step"], ended.message["ok"], ended.message["code"]) == ("train", False, "bad-row")
    assert "train.jsonl line 2" in ended.message["cause"]
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("unknown",),
        ("train",),
        ("verify", "--mod", "x"),
        ("prepare", "--cache", "x", "--steps", "0"),
        ("prepare", "--cache", "x", "--hidden-size", "20", "--heads", "4"),
        ("train", "--data", "x", "--out", "y", "--cache", "z", "--steps", "1", "--epochs", "1"),
        ("train", "--data", "x", "--out", "y", "--cache", "z", "--learning-rate", "nan"),
    ],
)
def test_a_mistake_of_usage_has_its_own_exit_code_and_message(run, arguments):
    ended = run(*arguments)
    assert (ended.code, ended.message["ok"], ended.message["code"]) == (2, False, "usage")
    assert len(ended.err.splitlines()) == 1


def test_a_base_that_is_not_there_is_ours_to_mend(run, data, tmp_path):
    ended = run("train", "--data", data, "--cache", tmp_path, "--out", tmp_path / "out")
    assert (ended.code, ended.message["code"]) == (3, "no-base")


def test_a_volume_that_takes_no_files_is_ours_to_mend(run, data, cache, tmp_path):
    (tmp_path / "file").touch()
    ended = run("train", "--data", data, "--base", SMALL.folder(cache), "--out", tmp_path / "file" / "out")
    assert (ended.code, ended.message["code"]) == (3, "file-system")
    assert "Traceback" not in ended.err


def test_a_message_that_cannot_be_written_does_not_change_the_result(run, cache, tmp_path):
    ended = run("verify", "--model", SMALL.folder(cache), TERMINATION_MESSAGE_PATH=str(tmp_path / "no" / "folder"))
    assert ended.code == 0
    assert "the termination message could not be written" in ended.err
    assert json.loads(ended.out)["ok"] is True


def test_a_long_cause_is_shortened_to_what_kubernetes_keeps(run, tmp_path):
    path = f"{tmp_path}/{'ü' * 100}/" + "x/" * 3000
    ended = run("verify", "--model", path)
    left = (tmp_path / "termination-log").read_bytes()
    assert (ended.code, ended.message["ok"]) == (3, False)
    assert LIMIT / 4 < len(left) <= LIMIT


def test_sigterm_stops_training_at_once_and_leaves_no_marker(stopped, data, cache, tmp_path):
    out = tmp_path / "out"
    code, lines = stopped("train", "--data", data, "--base", SMALL.folder(cache), "--out", out, "--steps", 1_000_000)
    assert code == 143
    assert lines[-1] == "train was stopped by SIGTERM; nothing is half written, run it again"
    assert not (out / MARKER).exists()


def test_sigterm_leaves_nothing_half_made_in_the_cache(stopped, tmp_path):
    code, _ = stopped("prepare", "--cache", tmp_path / "cache", "--steps", 200, "--hidden-size", 32)
    assert code == 143
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_prompt_that_does_not_fit_is_refused(run, cache):
    ended = run("generate", "--model", SMALL.folder(cache), "--prompt", "x" * 500)
    assert (ended.code, ended.message["code"]) == (1, "too-long")

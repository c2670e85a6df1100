"""Prefetch compares what reached the file system with what was registered."""

import hashlib

import pytest
from cpu_trainer.files import sha256_of

HELLO = hashlib.sha256(b"hello").hexdigest()
OTHER = hashlib.sha256(b"other").hexdigest()


@pytest.fixture
def hello(tmp_path):
    path = tmp_path / "hello.jsonl"
    path.write_bytes(b"hello")
    return path


def test_files_that_arrived_are_counted(run, hello):
    ended = run("prefetch", "--source", hello, "--sha256", HELLO.upper(), "--source", hello, "--sha256", HELLO)
    assert ended.code == 0
    assert ended.message.items() >= {"step": "prefetch", "ok": True, "files": 2, "bytes": 10}.items()
    assert 0 < ended.message["file_system_free"] <= ended.message["file_system_bytes"]


def test_other_content_is_named_with_both_hashes(run, hello):
    ended = run("prefetch", "--source", hello, "--sha256", HELLO, "--source", hello, "--sha256", OTHER)
    assert ended.code == 3
    assert ended.message["code"] == "file-differs"
    assert ended.message["cause"] == f"{hello}: expected sha256 {OTHER}, found {HELLO}"


def test_another_size_is_named_before_anything_is_hashed(run, hello):
    ended = run("prefetch", "--source", hello, "--sha256", HELLO, "--bytes", 6)
    assert ended.message["cause"] == f"{hello}: expected 6 bytes, found 5"


def test_a_missing_file_is_named(run, tmp_path):
    ended = run("prefetch", "--source", tmp_path / "gone", "--sha256", HELLO)
    assert (ended.code, ended.message["code"]) == (3, "file-missing")
    assert str(tmp_path / "gone") in ended.message["cause"]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--source", "a"),
        ("--source", "a", "--sha256", "abc"),
        ("--source", "a", "--sha256", HELLO, "--source", "b", "--sha256", HELLO, "--bytes", "1"),
        ("--listing", "a"),
        ("--listing", "a", "--sha256", HELLO),
        ("--listing", "a", "--mount", "."),
        ("--listing", "a", "--sha256", HELLO, "--mount", ".", "--source", "b"),
        ("--listing", "a", "--sha256", "abc", "--mount", "."),
    ],
)
def test_an_incomplete_list_is_a_mistake_of_usage(run, arguments):
    ended = run("prefetch", *arguments)
    assert (ended.code, ended.message["code"]) == (2, "usage")


def test_a_file_of_many_pieces_is_hashed_whole(tmp_path):
    content = b"0123456789" * 300_000
    path = tmp_path / "large"
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()

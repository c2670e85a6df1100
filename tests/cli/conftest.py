"""The command as people run it, in this process: what it prints, where, and how it exits."""

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest
from rich.console import Console

from cli import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command with arguments, in a terminal's width and without colour."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")

    def ran(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["dropforge", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        out, err = capsys.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    assert Console().width == 80
    return ran

"""A headless Chromium: CHROMIUM's, or one on PATH, or else the one that `make test` unpacks from an npm package."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.contracts.repository import ROOT

UNPACKED = ROOT / "build" / "chromium"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def found() -> str | None:
    return os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)


def surroundings(folder: Path) -> dict[str, str | float | bool]:
    """What the unpacked Chromium needs of a bare machine: its own libraries, and a font beside those that are there."""
    (folder / "fonts.conf").write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>'
        f"<dir>{UNPACKED / 'fonts'}</dir><cachedir>{folder / 'cache'}</cachedir></fontconfig>"
    )
    return {**os.environ, "LD_LIBRARY_PATH": str(UNPACKED / "lib"), "FONTCONFIG_FILE": str(folder / "fonts.conf")}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    path, unpacked = found(), UNPACKED / "chromium"
    if path is None and not unpacked.exists():
        pytest.fail("no Chromium: set CHROMIUM, put one on PATH, or run `make chromium` (x86-64)")
    environment = None if path else surroundings(tmp_path_factory.mktemp("fonts"))
    with sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=path or unpacked, env=environment, args=["--no-sandbox"])

"""The page of a run in a real browser: on a phone and on a desk, light and dark. The screenshots lie in build/browser/."""

import json
import re
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import pytest
from dropforge import pages
from playwright.sync_api import Browser, Page

from tests import reports
from tests.contracts.repository import ROOT

SHOTS = ROOT / "build" / "browser"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
STATES = {
    "succeeded": reports.succeeded,
    "failed": reports.failed,
    "running": reports.running,
    "hostile": reports.hostile,
}
SIZES = {360: 740, 1440: 900}


class Seen(NamedTuple):
    """An open page, what it asked the network for, and what it said on the console."""

    page: Page
    name: str
    requests: list[str]
    said: list[str]


@pytest.fixture(params=product(STATES, SIZES, ("light", "dark")), ids=lambda way: "-".join(map(str, way)))
def seen(request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    state, width, scheme = request.param
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(pages.render(STATES[state]()), encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": SIZES[width]}, color_scheme=scheme, bypass_csp=False)
    requests: list[str] = []
    said: list[str] = []
    page.on("request", lambda one: requests.append(one.url))
    page.on("console", lambda one: said.append(one.text))
    page.on("pageerror", lambda one: said.append(str(one)))
    page.goto(file.as_uri())
    yield Seen(page, f"{state}-{width}-{scheme}", requests, said)
    page.close()


def serious(page: Page) -> list[tuple[str, Any]]:
    """What axe calls serious or critical, with the places."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations', 'incomplete']})")
    bad = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in bad]


def test_the_page_can_be_read_by_everybody_on_every_screen_and_asks_nobody_for_anything(seen: Seen) -> None:
    seen.page.evaluate("() => document.querySelectorAll('details').forEach(one => one.open = true)")
    SHOTS.mkdir(parents=True, exist_ok=True)
    seen.page.screenshot(path=SHOTS / f"{seen.name}.png", full_page=True)
    width = seen.page.viewport_size["width"] if seen.page.viewport_size else 0
    assert seen.page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert serious(seen.page) == []
    assert (len(seen.requests), seen.said) == (1, [])


def test_a_curve_that_falls_is_drawn_falling(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_content(pages.render(reports.succeeded()))
    points = page.locator("polyline").get_attribute("points") or ""
    first, last = (tuple(map(float, points.split()[n].split(","))) for n in (0, -1))
    assert first[0] < last[0]
    assert first[1] < last[1]  # the y axis of SVG points down
    assert page.locator("svg[role=img] title").text_content() == "Loss of job train by step"
    page.close()


def test_what_hostile_people_write_is_text(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    fired: list[str] = []
    page.on("dialog", lambda one: fired.append(one.message))
    page.set_content(pages.render(reports.hostile()))
    assert page.locator("script, img, iframe, object, a").count() == 0
    assert fired == []
    assert "<script>alert(1)</script>" in page.locator("h1").inner_text()
    assert json.dumps("\u202e") not in json.dumps(page.content())
    assert re.search(r"49", page.locator("h1").inner_text()) is None
    page.close()


def test_the_printed_page_shows_what_is_folded_on_the_screen(browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 800, "height": 900})
    page.set_content(pages.render(reports.succeeded()))
    assert not page.locator("details table").is_visible()
    page.emulate_media(media="print")
    assert page.locator("details table").is_visible()
    page.close()

"""The page of a run report: one self-contained HTML document, made of values alone.

The templates are part of the code and read once. Escaping is on for everything; the one thing that is not escaped is our own style sheet, whose
digest the page's content security policy names, so that nothing else on the page can style, load or run anything.
"""

import base64
import hashlib
import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from dropforge.domain import pictures, words
from dropforge.domain.run_reports import RunReport
from dropforge.domain.spending import moment

NEWEST_LINES = 30  # of a failed job's log that are shown unasked
_TONES = {
    "succeeded": ("succeeded", "✓"),
    "failed": ("failed", "✗"),
    "rejected": ("failed", "✗"),
    "cancelled": ("cancelled", "■"),
    "queued": ("waits", "…"),
    "preempted": ("waits", "…"),
    "cancelling": ("waits", "…"),
    "unseen": ("waits", "?"),
}


def render(report: RunReport) -> str:
    """Return the page of a report. The same report is the same page, byte for byte."""
    style = _style()
    tone, mark = _TONES.get(report.summary.state, ("works", "▶"))
    begun = [stage.started for stage in report.stages if stage.started is not None]
    ended = [stage.ended or moment(report.as_of) for stage in report.stages if stage.started is not None]
    whole = max(ended) - min(begun) if begun else None
    return (
        _environment()
        .get_template("run_report.html.j2")
        .render(
            report=report,
            bars=pictures.journey(report),
            plot=pictures.plot(report.curve) if report.curve else None,
            sampled=pictures.sample(report.curve) if report.curve else (),
            took_all=whole,
            axis=whole or 0.0,
            tone=tone,
            mark=mark,
            newest_lines=NEWEST_LINES,
            style=Markup(style),  # noqa: S704  a file of ours
            style_hash=f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}",
        )
    )


def coded(text: str) -> Markup:
    """Return a sentence with what stands between backticks as code, everything escaped."""
    parts = re.split(r"`([^`\n]+)`", text)
    return Markup("").join(Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts))


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("dropforge"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    made.filters |= {"when": words.when, "took": words.took, "usd": words.usd, "visible": words.visible, "coded": coded}
    return made


def _visible(value: object) -> object:
    """Make every text of every expression visible, whether or not the template thought of it."""
    return words.visible(value, len(value)) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _style() -> str:
    environment = _environment()
    assert environment.loader is not None  # noqa: S101  for the type checker: it was made with one
    return environment.loader.get_source(environment, "run_report.css")[0]

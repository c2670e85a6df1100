"""How a page says times, lengths, sums and strange characters. Pure: no clock, no locale."""

import re
import unicodedata
from datetime import UTC, datetime

_UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))
_UNSEEN = ("Cc", "Cf", "Co", "Cs")  # control, format (among them what turns text around), private, halves of pairs
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def when(at: str | float) -> str:
    """Return a time (RFC 3339, or seconds since 1970) as people write it, in UTC. What is no time stays what it is."""
    try:
        time = datetime.fromtimestamp(at, UTC) if isinstance(at, float | int) else datetime.fromisoformat(at)
    except ValueError:
        return str(at)
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def took(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = int(seconds)
    size, unit, part, smaller = next(found for found in _UNITS if whole >= found[0])
    rest = whole % size // part
    return f"{whole // size} {unit} {rest} {smaller}" if rest else f"{whole // size} {unit}"


def usd(amount: float) -> str:
    """Return a sum of US dollars; what is less than a cent and more than nothing says so."""
    return "less than $0.01" if 0 < amount < 0.005 else f"${amount:,.2f}"


def visible(text: object, limit: int = 4000) -> str:
    """Return somebody's text so that a page shows what is in it: colours of terminals go, unseen characters become their names, length is bounded."""
    plain = _ESCAPES.sub("", str(text))
    cut = plain[:limit]
    shown = "".join(_shown(character) for character in cut)
    return f"{shown}… ({len(plain) - limit:,} more characters)" if len(plain) > limit else shown


def _shown(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _UNSEEN:
        return character
    return f"\\u{ord(character):04x}"

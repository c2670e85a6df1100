"""The time, so that nothing in domain/ has to ask for it."""

from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def stamp() -> str:
    """Return the current time as the text that rows and events carry, to the millisecond."""
    return now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def later(hours: float) -> str:
    """Return the time in `hours` as text."""
    return (now() + timedelta(hours=hours)).isoformat(timespec="seconds").replace("+00:00", "Z")

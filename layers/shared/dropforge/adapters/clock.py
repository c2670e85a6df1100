"""The time, so that nothing in domain/ has to ask for it."""

from datetime import UTC, datetime, timedelta

from dropforge.domain.values import stamped


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def stamp() -> str:
    """Return the current time as the text that rows and events carry, to the millisecond."""
    return stamped(now())


def later(hours: float) -> str:
    """Return the time in `hours` as text."""
    return (now() + timedelta(hours=hours)).isoformat(timespec="seconds").replace("+00:00", "Z")

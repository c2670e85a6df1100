"""When is a schedule due? `rate(...)`, `cron(...)` and `at(...)` as EventBridge writes them, in UTC.

Cron covers lists, ranges, steps and names; `L`, `W` and `#` are refused, because a schedule that silently never fires is worse than an error.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_SEARCH_LIMIT = timedelta(days=366 * 5)


@dataclass(frozen=True)
class Rate:
    """Every `seconds` since the schedule was made."""

    seconds: int

    def after(self, moment: datetime) -> datetime | None:
        """The next time it is due."""
        return moment + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class Once:
    """At one moment."""

    moment: datetime

    def after(self, moment: datetime) -> datetime | None:
        """The moment itself while it lies ahead."""
        return self.moment if self.moment > moment else None


@dataclass(frozen=True)
class Cron:
    """At every minute whose parts are in the sets; weekdays count from Sunday = 1."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]

    def after(self, moment: datetime) -> datetime | None:
        """The next matching minute within five years."""
        candidate = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
        limit = moment + _SEARCH_LIMIT
        while candidate < limit:
            if not self._matches_day(candidate):
                candidate = candidate.replace(hour=0, minute=0) + timedelta(days=1)
            elif candidate.hour in self.hours and candidate.minute in self.minutes:
                return candidate
            else:
                candidate += timedelta(minutes=1)
        return None

    def _matches_day(self, moment: datetime) -> bool:
        weekday = moment.isoweekday() % 7 + 1
        in_date = moment.year in self.years and moment.month in self.months and moment.day in self.days
        return in_date and weekday in self.weekdays


Schedule = Rate | Once | Cron


def parse(expression: str) -> Schedule:
    """Read a schedule expression; ValueError when it cannot be honoured."""
    found = re.fullmatch(r"(rate|cron|at)\((.+)\)", expression.strip())
    if not found:
        raise ValueError(f"{expression!r} is not a schedule expression")
    return {"rate": _rate, "cron": _cron, "at": _at}[found[1]](found[2])


def _rate(text: str) -> Schedule:
    found = re.fullmatch(r"(\d+) (minute|hour|day)(s?)", text)
    if not found or int(found[1]) < 1 or (found[1] == "1") == bool(found[3]):
        raise ValueError(f"rate({text}) is not a rate")
    return Rate(int(found[1]) * _UNITS[found[2]])


def _at(text: str) -> Schedule:
    return Once(datetime.fromisoformat(text).replace(tzinfo=UTC))


def _cron(text: str) -> Schedule:
    fields = text.split()
    if len(fields) != 6 or (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError(f"cron({text}) needs six fields, with ? in either day-of-month or day-of-week")
    return Cron(
        _field(fields[0], 0, 59),
        _field(fields[1], 0, 23),
        _field(fields[2], 1, 31),
        _field(fields[3], 1, 12, _MONTHS),
        _field(fields[4], 1, 7, _DAYS),
        _field(fields[5], 1970, 2199),
    )


def _field(text: str, low: int, high: int, names: list[str] | None = None) -> frozenset[int]:
    for number, name in enumerate(names or [], start=1):
        text = text.upper().replace(name, str(number))
    values = {value for part in text.split(",") for value in _part(part, low, high)}
    if not values or min(values) < low or max(values) > high:
        raise ValueError(f"{text!r} is outside {low}-{high}")
    return frozenset(values)


def _part(text: str, low: int, high: int) -> range:
    found = re.fullmatch(r"(\*|\?|\d+(?:-(\d+))?)(?:/(\d+))?", text)
    if not found:
        raise ValueError(f"{text!r} is not supported in a cron field")
    step = int(found[3] or 1)
    if found[1] in ("*", "?"):
        return range(low, high + 1, step)
    first = int(found[1].partition("-")[0])
    last = int(found[2]) if found[2] else (high if found[3] else first)
    return range(first, last + 1, step)

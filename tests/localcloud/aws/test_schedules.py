from datetime import UTC, datetime

import pytest

from localcloud.aws.schedules import parse

NOON = datetime(2026, 3, 6, 12, 0, 30, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("rate(1 minute)", "2026-03-06T12:01:30"),
        ("rate(2 hours)", "2026-03-06T14:00:30"),
        ("cron(0 2 * * ? *)", "2026-03-07T02:00:00"),
        ("cron(*/15 * * * ? *)", "2026-03-06T12:15:00"),
        ("cron(0 9 ? * MON-FRI *)", "2026-03-09T09:00:00"),
        ("cron(0 0 1 JAN,JUL ? *)", "2026-07-01T00:00:00"),
        ("cron(30 12 6 3 ? 2026-2027)", "2026-03-06T12:30:00"),
        ("at(2026-12-24T18:00:00)", "2026-12-24T18:00:00"),
    ],
)
def test_the_next_time_is_found(expression: str, due: str) -> None:
    assert parse(expression).after(NOON) == datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_a_moment_that_has_passed_never_comes_again() -> None:
    assert parse("at(2020-01-01T00:00:00)").after(NOON) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(5 minute)",
        "cron(0 2 * * * *)",
        "cron(0 2 * * ?)",
        "cron(0 0 L * ? *)",
        "cron(61 0 * * ? *)",
    ],
)
def test_an_expression_that_cannot_be_honoured_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        parse(expression)

"""`approve` where nobody can be asked."""

import pytest

from tests.cli.conftest import Run


def test_a_machine_says_what_it_has_seen_or_that_it_takes_whatever_is_there(run: Run) -> None:
    ran = run("approve", "birds-1", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "--shown" in ran.err
    assert "--yes" in ran.err


@pytest.mark.parametrize("said", [("--yes",), ("--shown", "a" * 64), ("--reject",)])
def test_with_one_of_them_it_goes_on_to_the_deployment(
    run: Run, monkeypatch: pytest.MonkeyPatch, said: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert run("approve", "birds-1", *said, "--json").code == 1

"""The table of checks: complete, in plain sentences, and the page of it says the same."""

import pytest
from dropforge.domain.checks import CHECKS

from scripts.checks_doc import PAGE, render


def test_the_page_of_checks_is_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == render()


@pytest.mark.parametrize("code", CHECKS)
def test_a_check_says_in_sentences_what_it_means_and_what_to_change(code: str) -> None:
    check = CHECKS[code]
    assert all(text[0].isupper() and text.endswith(".") for text in (check.means, check.fix))

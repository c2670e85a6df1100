"""Quantities: every way in which Kubernetes writes a number, read exactly, and written for people."""

from fractions import Fraction

import pytest
from dropforge.domain.quantities import parse, write
from hypothesis import given
from hypothesis import strategies as st

from localcloud.kubernetes import quantities as other


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("500m", Fraction(1, 2)), ("1.5", Fraction(3, 2)), (".5k", 500), ("2Ki", 2048), ("1e3", 1000), ("1E", 10**18),
     ("3Gi", 3 * 2**30), ("250u", Fraction(1, 4000)), ("-1", -1), (4, 4)],
)  # fmt: skip
def test_a_quantity_is_read_exactly(text: object, number: Fraction) -> None:
    assert parse(text) == number


@pytest.mark.parametrize("text", ["", "1 Gi", "ten", "1GiB", "1e", None])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [(2**30, "1Gi"), (3 * 2**19, "1536Ki"), (Fraction(1, 2), "500m"), (Fraction(1, 3), "334m"), (0, "0"), (7, "7")],
)
def test_a_number_is_written_in_the_largest_unit_in_which_it_is_whole(number: int, text: str) -> None:
    assert write(Fraction(number)) == text


@given(st.integers(0, 2000), st.sampled_from(["", "m", "u", "n", "k", "M", "G", "Ki", "Mi", "Gi", "Ti", "e2", "E-3"]))
def test_the_local_cluster_reads_the_same_number(number: int, suffix: str) -> None:
    assert parse(f"{number}{suffix}") == other.parse(f"{number}{suffix}")

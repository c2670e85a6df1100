"""Functions that Kubernetes adds to CEL, and what is said of an expression that has no value."""

from typing import Any

import pytest

from localcloud.kubernetes.expressions import ExpressionError, check, evaluate


@pytest.mark.parametrize(("text", "value"), [
    ("self.split(',').join('-')", "a-b-a"),
    ("self.split(',').indexOf('a')", 0),
    ("self.split(',').lastIndexOf('a')", 2),
    ("self.upperAscii().lowerAscii().replace(',', '') ", "aba"),
    ("self.substring(2)", "b,a"),
    ("self.charAt(2)", "b"),
    ("self.find('[b-z]')", "b"),
    ("self.findAll('[a-z]').size()", 3),
    ("' x '.trim()", "x"),
    ("[1, 2, 4].sum() - [3, 1].min() - [3, 1].max()", 3),
    ("quantity('1Gi').isGreaterThan(quantity('1000Mi'))", True),
    ("quantity('500m').compareTo(quantity('0.5'))", 0),
    ("isQuantity('lots')", False),
    ("isURL('https://example.com') && !isURL('nothing')", True),
])  # fmt: skip
def test_a_function_does_what_a_real_servers_does(text: str, value: Any) -> None:
    check(text, ("self",))
    assert evaluate(text, {"self": "a,b,a"}) == value


@pytest.mark.parametrize(("text", "words"), [
    ("self.nothing", "no such key: nothing"),
    ("self.a + 'x'", "no such overload"),
    ("[1][3]", "index out of bounds: 3"),
    ("1 / 0", "division by zero"),
])  # fmt: skip
def test_an_expression_without_a_value_says_why(text: str, words: str) -> None:
    with pytest.raises(ExpressionError, match=words):
        evaluate(text, {"self": {"a": 1}})


def test_a_function_that_is_not_here_is_refused_by_name() -> None:
    with pytest.raises(ExpressionError, match="the local cluster does not have the function cidr"):
        check("cidr('10.0.0.0/8').containsIP('10.1.1.1')", ("self",))


def test_what_a_macro_names_is_declared() -> None:
    check("self.all(one, one.exists(other, other > 1))", ("self",))
    with pytest.raises(ExpressionError, match="undeclared reference to 'more'"):
        check("self.all(one, one > more)", ("self",))

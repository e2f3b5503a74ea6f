"""Names: what can name a resource."""

import pytest

from streams.wire.keys import MAX_NAME_BYTES, key_of, name_problem


def test_a_key_is_tenant_and_name() -> None:
    assert key_of("acme", "orders/42") == "acme/orders/42"


@pytest.mark.parametrize("name", ["a", "orders/42", "ü" * (MAX_NAME_BYTES // 2), "x" * MAX_NAME_BYTES, "a b"])
def test_good_names(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * (MAX_NAME_BYTES + 1),
        "ü" * (MAX_NAME_BYTES // 2 + 1),
        "x" * 10_000_000,
        "a\x00b",
        "a\nb",
        "\u202e",
    ],
)
def test_bad_names_are_refused_with_the_cure(name: str) -> None:
    problem = name_problem(name)
    assert problem is not None
    assert problem.code == "BAD_NAME"
    assert len(problem.message) < 200

"""What a caller passes that makes no sense is a BadArgument, before anything is sent; a token may fail for once."""

from typing import Any

import pytest

from streams.wire.keys import name_problem
from tidelock.client.errors import BadArgument, ConnectionLost
from tidelock.client.link import split_address
from tidelock.client.settings import ask_token, check_identity, token_of
from tidelock.client.terms import Terms, ms_of


@pytest.mark.parametrize("field", ["ttl", "wait", "lock_delay"])
@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), 1e300, "5", [1]])
def test_what_is_no_number_of_seconds_is_named(field: str, seconds: Any) -> None:
    with pytest.raises(BadArgument, match=field) as caught:
        Terms(**{field: seconds}).command("a")
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("token", [5, b"secret", "\udcff"])
def test_a_token_that_is_no_text_is_refused_at_once(token: Any) -> None:
    with pytest.raises(BadArgument, match="token"):
        token_of(token)


def _raises() -> str:
    raise OSError("vault is sealed")


@pytest.mark.parametrize("callback", [_raises, lambda: None, lambda: "\udcff"])
def test_a_callback_that_fails_is_asked_again_at_the_next_attempt(callback: Any) -> None:
    with pytest.raises(ConnectionLost, match="callback that gives the token"):
        ask_token(token_of(callback))


@pytest.mark.parametrize(
    "address", ["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:99999999999", "here", "a:b"]
)
def test_an_address_without_a_port_is_none(address: str) -> None:
    with pytest.raises(ConnectionLost, match="host:port"):
        split_address(address)


def test_a_client_id_that_cannot_be_printed_is_refused() -> None:
    with pytest.raises(BadArgument, match="client id"):
        check_identity("\udcff", 1)


def test_a_name_that_is_no_utf8_is_no_name() -> None:
    problem = name_problem("\udcff")
    assert problem is not None
    assert problem.code == "BAD_NAME"


@pytest.mark.parametrize(
    ("seconds", "ms"), [(0, 0), (1e-9, 1), (0.0004, 1), (0.0016, 2), (-0.0001, 0), (5, 5_000)]
)
def test_a_time_above_nothing_never_becomes_the_nothing_that_says_without_end(
    seconds: float, ms: int
) -> None:
    assert ms_of(seconds, "ttl") == ms

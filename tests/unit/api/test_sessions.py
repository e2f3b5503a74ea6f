"""Clients for sessions: shared, bounded, closed when idle, opened anew after a failure."""

import asyncio
from collections.abc import Generator
from typing import Any, cast

import pytest

from api.errors import ApiError
from api.identity import Identity
from api.sessions import SEQUENCE_BITS, Sessions, TooManySessions
from tidelock.client.client import Client, Connecting
from tidelock.client.errors import ConnectionLost

ME = Identity("dev", "p", "token")
SESSION = "0123456789abcdef"


class FakeClient:
    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def close(self) -> None:
        self.closed.set()


class Opener:
    """Notes what is opened."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self.clients: list[FakeClient] = []
        self.fails: Exception | None = None
        self.may = asyncio.Event()
        self.may.set()

    def __call__(self, token: str, client_id: str, first_sequence: int) -> Connecting:
        self.asked.append((token, client_id, first_sequence))
        return cast("Connecting", self)

    def __await__(self) -> Generator[Any, None, Client]:
        return self._open().__await__()

    async def _open(self) -> Client:
        await self.may.wait()
        if self.fails is not None:
            raise self.fails
        self.clients.append(FakeClient())
        return cast("Client", self.clients[-1])


async def test_requests_of_a_session_share_one_client_that_speaks_for_it() -> None:
    opener = Opener()
    sessions = Sessions(opener)
    async with sessions.client(ME, SESSION) as first, sessions.client(ME, SESSION) as second:
        assert first is second
    ((token, client_id, _),) = opener.asked
    assert (token, client_id) == ("token", f"gql-{SESSION}")
    await sessions.close()
    assert opener.clients[0].closed.is_set()


async def test_every_opening_counts_from_a_number_of_its_own_above_those_of_earlier_milliseconds() -> None:
    opener = Opener()
    for _ in range(50):
        sessions = Sessions(opener)
        async with sessions.client(ME, SESSION):
            pass
        await sessions.close()
    numbers = [first for _, _, first in opener.asked]
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 2**62
    assert [n >> SEQUENCE_BITS for n in numbers] == sorted(n >> SEQUENCE_BITS for n in numbers)


async def test_an_idle_client_is_closed_and_a_busy_one_is_not() -> None:
    opener = Opener()
    sessions = Sessions(opener, idle_s=0.02)
    async with sessions.client(ME, SESSION):
        async with sessions.client(ME, "another-session-of-mine"):
            pass
        idle = opener.clients[1]
        async with asyncio.timeout(30):
            await idle.closed.wait()
        assert not opener.clients[0].closed.is_set()
    async with asyncio.timeout(30):
        await opener.clients[0].closed.wait()
    assert len(sessions) == 0


async def test_beyond_the_limit_the_longest_idle_gives_way_and_busy_ones_refuse() -> None:
    opener = Opener()
    sessions = Sessions(opener, limit=2)
    async with sessions.client(ME, "first-of-my-sessions"), sessions.client(ME, "second-of-my-sessions"):
        with pytest.raises(TooManySessions):
            async with sessions.client(ME, "third-of-my-sessions"):
                raise AssertionError
    async with sessions.client(ME, "first-of-my-sessions"), sessions.client(ME, "third-of-my-sessions"):
        assert len(sessions) == 2
    assert [client.closed.is_set() for client in opener.clients] == [False, True, False]
    await sessions.close()


async def test_a_failure_to_open_is_told_to_all_that_wait_and_the_next_one_tries_again() -> None:
    opener = Opener()
    opener.fails = ConnectionLost("nobody there")
    sessions = Sessions(opener)

    async def used() -> None:
        async with sessions.client(ME, SESSION):
            pass

    results = await asyncio.gather(used(), used(), return_exceptions=True)
    assert all(isinstance(result, ConnectionLost) for result in results)
    opener.fails = None
    await used()
    assert len(opener.asked) == 2
    await sessions.close()


async def test_who_gives_up_does_not_take_the_client_from_others() -> None:
    opener = Opener()
    opener.may.clear()
    sessions = Sessions(opener)
    got = asyncio.Event()

    async def used() -> None:
        async with sessions.client(ME, SESSION):
            got.set()

    first, second = asyncio.create_task(used()), asyncio.create_task(used())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    opener.may.set()
    await second
    assert got.is_set()
    await sessions.close()


async def test_another_principal_has_another_client_for_the_same_session() -> None:
    opener = Opener()
    sessions = Sessions(opener)
    async with sessions.client(ME, SESSION), sessions.client(Identity("dev", "q", "other"), SESSION):
        assert [token for token, _, _ in opener.asked] == ["token", "other"]
    await sessions.close()


async def test_a_session_that_is_no_id_is_refused() -> None:
    sessions = Sessions(Opener())
    for wrong in ("", "short", "x" * 65, "blank in the middle", "\n" * 20):
        with pytest.raises(ApiError, match="16 to 64"):
            async with sessions.client(ME, wrong):
                raise AssertionError

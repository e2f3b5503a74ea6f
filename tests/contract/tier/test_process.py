"""The process that follows the log, with a real tier: one server, and a cluster."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from streams.processes import follower
from streams.processes.tier import process as shell
from streams.processes.tier.process import TierProcess
from tests.contract.tier.conftest import KEY, OF, Realm
from tests.unit.processes.test_tier import HERE, WORDS, Book, Logs, Tail, Watch, written
from tidelock.client.caches.ports import Held, Shard

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("tier"),
    pytest.mark.asyncio(loop_scope="module"),
]
PATIENCE_S = 60.0
SHARD = Shard(KEY, HERE.partition)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "SIGN_S", 0.05)
    monkeypatch.setattr(shell, "RETRY_S", 0.01)
    monkeypatch.setattr(follower, "RETRY_S", 0.01)


@asynccontextmanager
async def following(realm: Realm, book: Book) -> AsyncIterator[TierProcess]:
    process = TierProcess(WORDS, [HERE], Tail(book), Logs(book), realm.store, Watch())
    task = asyncio.create_task(process.run())
    try:
        yield process
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(there: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await there():
            await asyncio.sleep(0.01)


async def kept(realm: Realm, entry: str, version: int) -> None:
    """Offer until it is kept: there is a sign."""

    async def is_kept() -> bool:
        await realm.tier.offer(SHARD, entry, Held(version, b"x"), version)
        return await realm.tier.get(SHARD, entry) == Held(version, b"x")

    await until(is_kept)


async def test_what_the_log_changes_is_shown_no_more(realm: Realm) -> None:
    book = Book().happened(written("a"), key=KEY)
    async with following(realm, book):
        await kept(realm, "b", 2)
        book.happened(written("b"), written("b"), key=KEY)

        async def gone() -> bool:
            return await realm.tier.get(SHARD, "b") is None

        await until(gone)


async def test_a_mark_that_is_lost_is_made_anew_and_the_next_process_goes_on_from_it(realm: Realm) -> None:
    book = Book().happened(written("a"), written("b"), written("c"), key=KEY)
    async with following(realm, book):
        await kept(realm, "z", 4)
        await realm.keeping.delete(OF.mark)
        await kept(realm, "z", 5)
    book.happened(written("z"), written("z"), written("z"), key=KEY)
    await realm.keeping.delete(OF.sign)
    async with following(realm, book):
        await kept(realm, "y", 6)
        assert await realm.tier.get(SHARD, "z") is None

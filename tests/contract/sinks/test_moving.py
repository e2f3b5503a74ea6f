"""What every `MovingReads` answers: where the read model stands, and what was on its way there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from storage.memory.moving import MemoryMovingReads
from storage.postgres.moving import PostgresMovingReads
from streams.domain.queues.events import MessagesMoved
from streams.log.checkpoint import START
from streams.projections.queues.moving import Moving, MovingReads, MovingRow
from streams.projections.queues.projections import QUEUES
from tests.contract.sinks.conftest import Database, MemoryDatabase, empty_database, postgres_for_tests
from tests.contract.sinks.toys import at as checkpoint
from tests.unit.projections.queues.spec import (
    WHERE,
    WORDS,
    at,
    commits,
    created,
    delivered,
    did,
    died,
    enqueued,
    message,
)
from tests.unit.projections.spec import Moment
from tidelock.local.stack import LocalStack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("sinks"),
    pytest.mark.asyncio(loop_scope="module"),
]

DEAD = (
    at(1_000, did(created())),
    at(2_000, did(enqueued(1, *[message(b"x")] * 5))),
    at(3_000, did(delivered(*range(1, 6)))),
    at(4_000, did(died(1, to="dead"), died(2, to="late"), died(3, to="dead"), died(4, to="dead"), died(5))),
    at(5_000, did(MessagesMoved("", (1,)))),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    async with postgres_for_tests(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", params=["memory", "postgres"])
async def known(
    request: pytest.FixtureRequest, stack: LocalStack
) -> AsyncIterator[tuple[Database, MovingReads]]:
    if request.param == "memory":
        database = MemoryDatabase()
        yield database, MemoryMovingReads(database.store)
        return
    async with empty_database(stack) as found:
        yield found, PostgresMovingReads(found.pool)


async def told(database: Database, *moments: Moment) -> None:
    fold, expected = QUEUES.fold(WHERE, WORDS), START
    for accepted in commits(*moments):
        fold.commit(accepted)
        reached = checkpoint(accepted.offset + 1, time_ms=accepted.time_ms)
        await database.store.write(QUEUES, WHERE, expected, reached, fold.take())
        expected = reached


async def test_lanes_are_counted_and_spanned(known: tuple[Database, MovingReads]) -> None:
    database, reads = known
    await told(database, *DEAD)
    moving = await reads.moving("dev", WHERE)
    assert moving.checkpoint.next_offset == len(DEAD) + 2
    assert moving.rows == (
        MovingRow("orders", 0, "", "dead", 2, 3, 4),
        MovingRow("orders", 0, "", "late", 1, 2, 2),
    )
    assert (await reads.moving("other", WHERE)).rows == ()


async def test_nothing_is_known_of_what_was_never_read(known: tuple[Database, MovingReads]) -> None:
    assert await known[1].moving("dev", WHERE) == Moving(START, ())

"""What every adapter of `Changelogs` promises: one writer, whole batches, all that stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from storage.memory.changelog import MemoryChangelogs
from streams.projections.changelog import (
    AppendLost,
    ChangelogClaimed,
    ChangelogId,
    Changelogs,
    ChangesTooLarge,
    Entry,
)
from tests.contract.sinks.conftest import kafka_tables
from tests.contract.sinks.toys import HERE, OTHER, THERE, TOY
from tidelock.local.testing import kafka_for_tests

pytestmark = pytest.mark.asyncio(loop_scope="module")
REAL = [pytest.mark.integration, pytest.mark.xdist_group("sinks")]
TABLE, BESIDE, ANOTHER = (
    ChangelogId(TOY.name, HERE), ChangelogId(TOY.name, THERE), ChangelogId(OTHER.name, HERE)
)  # fmt: skip


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=["memory", pytest.param("kafka", marks=REAL)]
)
async def changelogs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Changelogs]:
    if request.param == "memory":
        yield MemoryChangelogs()
        return
    async with kafka_for_tests(tmp_path_factory.mktemp("kafka")) as stack, kafka_tables(stack) as tables:
        yield tables.changelogs


async def stands(changelogs: Changelogs, table: ChangelogId) -> list[Entry]:
    """Return what stands in a changelog, but for claims."""
    end = (await changelogs.ends([table]))[table]
    found: list[Entry] = []
    async for entries in changelogs.read(table, 0, end):
        found += [each for each in entries if each[0] != b'"claim"']
    return found


async def test_a_batch_is_read_as_it_was_appended(changelogs: Changelogs) -> None:
    writer = await changelogs.claim(TABLE)
    before = await stands(changelogs, TABLE)
    batch: list[Entry] = [(b"a", b"1"), (b"b", None), ("ß".encode(), b"")]
    end = await writer.append(batch)
    assert end == writer.start + 3 == (await changelogs.ends([TABLE]))[TABLE]
    assert await writer.append([(b"a", b"2")]) == end + 1
    assert await stands(changelogs, TABLE) == [*before, *batch, (b"a", b"2")]
    await writer.close()


async def test_who_claimed_before_writes_nothing_any_more(changelogs: Changelogs) -> None:
    first = await changelogs.claim(TABLE)
    await first.append([(b"first", b"1")])
    second = await changelogs.claim(TABLE)
    before = await stands(changelogs, TABLE)
    with pytest.raises(ChangelogClaimed) as caught:
        await first.append([(b"late", b"1")])
    assert caught.value.changelog == TABLE
    assert await stands(changelogs, TABLE) == before
    await second.append([(b"second", b"1")])
    assert (b"first", b"1") in before
    await asyncio.gather(first.close(), second.close())


async def test_all_that_earlier_writers_wrote_stands_before_a_claim(changelogs: Changelogs) -> None:
    async def write(number: int) -> int:
        """Claim and write until another claims; return what was acknowledged."""
        writer, done = await changelogs.claim(BESIDE), 0
        try:
            while True:
                await writer.append([(f"{number}".encode(), f"{done + 1}".encode())])
                done += 1
                await asyncio.sleep(0)
        except ChangelogClaimed:
            return done
        finally:
            await writer.close()

    writing = []
    for number in range(5):
        writing.append(asyncio.create_task(write(number)))
        await asyncio.sleep(0.05)
    last = await changelogs.claim(BESIDE)
    acknowledged = await asyncio.gather(*writing)
    found: dict[bytes, bytes | None] = {}
    async for entries in changelogs.read(BESIDE, 0, last.start):
        found.update(entries)
    told = {f"{number}".encode(): f"{done}".encode() for number, done in enumerate(acknowledged) if done}
    assert {key: found.get(key) for key in told} == told
    await last.close()


async def test_claims_of_other_changelogs_are_their_own(changelogs: Changelogs) -> None:
    writers = [await changelogs.claim(each) for each in (TABLE, BESIDE, ANOTHER)]
    for writer in writers:
        await writer.append([(b"k", b"v")])
        await writer.close()


async def test_a_batch_that_is_too_large_leaves_its_writer_whole(changelogs: Changelogs) -> None:
    writer = await changelogs.claim(TABLE)
    large: list[Entry] = [(b"large", bytes(1024 * 1024))] * 9
    with pytest.raises(ChangesTooLarge) as caught:
        await writer.append(large)
    assert caught.value.code == "CHANGES_TOO_LARGE"
    await writer.append([(b"small", b"1")])
    assert (b"large", large[0][1]) not in await stands(changelogs, TABLE)
    await writer.close()


async def test_a_closed_writer_writes_nothing(changelogs: Changelogs) -> None:
    writer = await changelogs.claim(TABLE)
    await writer.close()
    with pytest.raises(AppendLost):
        await writer.append([(b"k", b"v")])


async def test_what_was_never_written_has_no_partitions(changelogs: Changelogs) -> None:
    await (await changelogs.claim(TABLE)).close()
    assert await changelogs.partitions("never", "toys") == []
    assert TABLE in await changelogs.partitions(TOY.name, "toys")
    assert await changelogs.ends([]) == {}

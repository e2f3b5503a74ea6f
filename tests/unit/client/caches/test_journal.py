"""What a node of a run writes down is what the checker needs: versions, local writes, hits, and their order."""

import pytest

from tests.unit.client.caches.conftest import NAME, Join
from tidelock import errors
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.ports import Loaded
from tidelock.workload.cache_journal import CacheJournal, CacheNode
from tidelock.workload.consistency.operations import NOTHING, Operation


@pytest.fixture
def journal() -> CacheJournal:
    return CacheJournal("run")


@pytest.fixture
def node(journal: CacheJournal, cache: Cache[bytes]) -> CacheNode:
    return CacheNode(journal, "a", "dev", cache)


@pytest.fixture
def elsewhere(journal: CacheJournal, there: Cache[bytes]) -> CacheNode:
    return CacheNode(journal, "b", "dev", there)


def _told(each: Operation) -> tuple[str, str, int, bool]:
    return each.client, each.kind, each.local, each.hit


async def test_operations_have_versions_and_one_order(
    node: CacheNode, elsewhere: CacheNode, journal: CacheJournal
) -> None:
    assert await node.read("x") == (None, False)
    assert not await elsewhere.write("x", b"1", "EXCLUSIVE")
    assert await node.read("x") == (b"1", False)
    assert await node.read("x") == (b"1", True)
    nothing, wrote, missed, hit = journal.operations
    assert (nothing.version, nothing.value) == (NOTHING, NOTHING)
    assert wrote.version == missed.version == hit.version > 0
    assert wrote.value == missed.value == hit.value != NOTHING
    assert [(each.began, each.ended) for each in journal.operations] == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert {each.key for each in journal.operations} == {"dev/prices"}
    assert [_told(each)[3] for each in journal.operations] == [False, False, False, True]


async def test_writes_to_a_modified_line_are_counted_until_it_is_written_back(
    node: CacheNode, journal: CacheJournal, cache: Cache[bytes]
) -> None:
    assert not await node.write("x", b"1", "MODIFIED")
    assert await node.write("x", b"2", "MODIFIED")
    await node.read("x")
    assert await node.write("x", b"3", "MODIFIED")
    await cache.flush()
    await node.read("x")
    assert await node.write("x", b"4", "MODIFIED")
    assert [each.local for each in journal.operations] == [0, 1, 1, 2, 0, 1]
    first, *same, clean, last = (each.version for each in journal.operations)
    assert set(same) == {first}
    assert last == clean > first


async def test_a_value_without_a_line_has_its_version(
    elsewhere: CacheNode, journal: CacheJournal, join: Join
) -> None:
    await elsewhere.write("x", b"1", "INVALID")
    without_lines = (await join()).cache(NAME, max_entries=0)
    assert await CacheNode(journal, "c", "dev", without_lines).read("x") == (b"1", False)
    wrote, read = journal.operations
    assert (read.version, read.grant, read.hit) == (wrote.version, 0, False)


async def test_what_was_refused_has_no_answer(node: CacheNode, journal: CacheJournal) -> None:
    await node.write("x", b"1", "EXCLUSIVE")
    with pytest.raises(errors.ValueTooLarge):
        await node.write("x", bytes(70_000), "EXCLUSIVE")
    assert journal.operations[-1].ended == 0


class Once:
    async def load(self, entry: str) -> Loaded[bytes]:
        return Loaded(entry.encode())


async def test_what_is_loaded_is_read_and_deletions_are_written_down(
    journal: CacheJournal, there: Cache[bytes], join: Join
) -> None:
    await there.put("y", b"1")
    node = CacheNode(journal, "c", "dev", (await join()).cache(NAME, loader=Once()))
    assert await node.read("x") == (b"x", False)
    assert await node.read("y") == (b"1", False)
    await node.delete("x")
    loaded, read, deleted = journal.operations
    assert loaded.version > 0
    assert read.grant > read.version
    assert (deleted.kind, deleted.ended) == ("DELETE", 6)


async def test_what_found_no_room_is_not_judged(
    journal: CacheJournal, there: Cache[bytes], join: Join
) -> None:
    await there.configure(max_entries=1)
    await there.put("x", b"1", keep="MODIFIED")
    node = CacheNode(journal, "c", "dev", (await join()).cache(NAME, loader=Once()))
    assert await node.read("z") == (b"z", False)
    assert journal.operations[-1].ended == 0

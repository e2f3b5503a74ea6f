"""What a node of a run writes down is what the checker needs: versions, local writes, hits, and their order."""

import pytest

from tests.unit.client.caches.conftest import NAME, Join
from tidelock import errors
from tidelock.client.caches.cache import Cache
from tidelock.workload.cache_journal import CacheJournal, CacheNode
from tidelock.workload.consistency.operations import NOTHING, UNKNOWN, Operation


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


async def test_a_value_without_a_line_is_known_by_itself(
    elsewhere: CacheNode, journal: CacheJournal, join: Join
) -> None:
    await elsewhere.write("x", b"1", "INVALID")
    without_lines = (await join()).cache(NAME, max_entries=0)
    assert await CacheNode(journal, "c", "dev", without_lines).read("x") == (b"1", False)
    assert journal.operations[-1].version == UNKNOWN


async def test_what_was_refused_has_no_answer(node: CacheNode, journal: CacheJournal) -> None:
    await node.write("x", b"1", "EXCLUSIVE")
    with pytest.raises(errors.ValueTooLarge):
        await node.write("x", bytes(70_000), "EXCLUSIVE")
    assert journal.operations[-1].ended == 0


async def test_what_is_loaded_is_read_and_deletions_are_written_down(
    node: CacheNode, journal: CacheJournal
) -> None:
    async def load() -> bytes:
        return b"1"

    assert await node.read("x", load) == (b"1", False)
    await node.delete("x")
    read, deleted = journal.operations
    assert read.version > 0
    assert (deleted.kind, deleted.ended) == ("DELETE", 4)

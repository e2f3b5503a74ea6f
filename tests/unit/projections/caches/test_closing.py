"""Deleting a cache: one change for all that was in it, however much that is."""

from streams.domain.caches import commands as c
from streams.projections.caches.fold import CachesFold
from streams.projections.caches.tables import CACHE_ENTRIES, CACHE_LINES
from streams.projections.table import Changes
from tests.unit.projections.caches.spec import NAME, WHERE, WORDS, Told

MANY = 90


def rows_of(changes: Changes) -> int:
    inserted = sum(len(rows) for rows in changes.inserted.values())
    return inserted + sum(len(rows) for rows in changes.put.values())


def test_the_end_of_a_cache_is_as_many_changes_for_many_entries_as_for_none() -> None:
    told = Told().joins("a")
    for number in range(MANY):
        told.writes(str(number), b"1", keep="EXCLUSIVE")
    told.at(2_000)
    told.asks(c.DeleteCache(NAME, 0))
    fold, each = CachesFold(WHERE, WORDS), list[Changes]()
    for commit in told.at(3_000).commits:
        fold.commit(commit)
        each.append(fold.take())
    filled, ending = each[-2:]
    assert rows_of(filled) >= 2 * MANY
    assert ending.closed.keys() == {CACHE_ENTRIES, CACHE_LINES}
    assert rows_of(ending) < 10

"""`OldHistory` of a `MemoryProjectionStore`: the ways of `streams.projections.forgetting`, by looking at all rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from storage.memory.projections import MemoryProjectionStore
from streams.projections.forgetting import Ended, Followed, Forgets, Keyframed
from streams.projections.ports import Sweep, Swept, require_own_version
from streams.projections.projection import Projection
from streams.projections.table import Row, Table

Named: TypeAlias = dict[str, Any]
_Doomed: TypeAlias = Iterator[tuple[Named, int]]
"""Rows, and the offset from which on nobody misses each."""

_BEGAN = itemgetter("from_ms", "from_event")


class MemoryOldHistory:
    """Forgets in dictionaries."""

    def __init__(self, store: MemoryProjectionStore) -> None:
        self._store = store

    async def forget(self, projection: Projection, table: Table, sweep: Sweep) -> Swept:
        """Forget what of some of the build's oldest rows answers nothing any more."""
        assert table.forgets is not None, f"rows of {table.name} stay"
        require_own_version(projection, self._store.build(projection).version)
        kept, floors = self._store.kept_from, self._store.forgotten
        kept[table.name] = max(sweep.before_ms, kept.get(table.name, 0))
        rows = self._store.rows_of(projection).get(table, {})
        named = [dict(zip(table.columns, row, strict=True)) for row in rows.values()]
        old, after = _old(table, table.forgets, named, sweep)
        doomed = list(_doomed(table.forgets, old, named, sweep.before_ms))
        for row, beyond in doomed:
            rows.pop(tuple([row[column] for column in table.columns[: table.key]]), None)
            floor = (table.name, row["partition"])
            floors[floor] = max(beyond, floors.get(floor, 0))
        return Swept(len(doomed), after)


def _old(table: Table, way: Forgets, rows: Iterable[Named], sweep: Sweep) -> tuple[list[Named], Row | None]:
    """Return the oldest rows that are over, and where to go on."""

    def place(row: Named) -> Row:
        return tuple([row[column] for column in (way.over_ms, *table.columns[: table.key])])

    over = [row for row in rows if row[way.over_ms] is not None and row[way.over_ms] <= sweep.before_ms]
    over = sorted([row for row in over if sweep.after is None or place(row) > sweep.after], key=place)
    page = over[: sweep.limit]
    return page, place(page[-1]) if len(page) == sweep.limit else None


def _doomed(way: Forgets, old: Sequence[Named], rows: Sequence[Named], before_ms: int) -> _Doomed:
    match way:
        case Ended():
            yield from ((row, row["to_offset"]) for row in old)
        case Keyframed():
            same = _by(way.of, rows)
            for which, of_one in _by(way.of, old).items():
                yield from _keyframed(way, of_one, same[which], before_ms)
        case Followed():
            same = _by(way.of, rows)
            for which, of_one in _by(way.of, old).items():
                yield from _followed(way, of_one, same[which], before_ms)


def _by(of: Iterable[str], rows: Iterable[Named]) -> dict[Row, list[Named]]:
    which = _columns(("partition", *of))
    return {key: list(found) for key, found in groupby(sorted(rows, key=which), which)}


def _columns(names: Iterable[str]) -> Callable[[Named], Row]:
    columns = tuple(names)
    return lambda row: tuple([row[column] for column in columns])


def _followed(way: Followed, old: Iterable[Named], rows: Sequence[Named], before_ms: int) -> _Doomed:
    order = _columns(way.order)
    rows = sorted(rows, key=order)

    def ended(row: Named) -> bool:
        return way.ended is not None and row[way.ended[0]] == way.ended[1]

    def told_again(row: Named, later: Named) -> bool:
        return (
            ended(later) or way.carried is None or row[way.carried] is None or later[way.carried] is not None
        )

    for row in old:
        later = [one for one in rows if order(one) > order(row) and one[way.over_ms] <= before_ms]
        following = next((one for one in later if told_again(row, one)), None)
        if following is not None:
            yield row, following[way.offset]
        elif ended(row) and order(rows[0]) == order(row):
            yield row, row[way.offset]


def _keyframed(way: Keyframed, old: Iterable[Named], rows: Sequence[Named], before_ms: int) -> _Doomed:
    mine = {row["from_event"]: row for row in rows if row["from_ms"] <= before_ms}
    anchors = [event for event, row in mine.items() if row["keyframe"] is not None or row["spell"] == 1]
    anchor = max(anchors, default=-1)
    walked = {event for event in mine if anchors and event >= anchor}
    walked |= {event for event in (mine[anchor]["keyframe"] or () if anchors else ()) if event in mine}
    known = [mine[event] for event in walked]
    over = [row for row in known if row["to_ms"] is not None and row["to_ms"] <= before_ms]
    last = max([row["to_event"] for row in over], default=None)
    floor = [row["to_offset"] for row in over] + [mine[anchor]["from_offset"] for _ in anchors[:1]]
    following = min([row for row in rows if row["from_ms"] > before_ms], key=_BEGAN, default=None)
    lingers = any((row[way.lingers] or 0) > 0 for row in over)
    goes_on = lingers if following is None else following["spell"] > 1
    for row in old:
        stays = (goes_on or len(over) < len(known)) and (
            row["from_event"] == anchor or row["to_event"] == last
        )
        if not stays:
            yield row, max([row["to_offset"], *floor])

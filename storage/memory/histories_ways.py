"""The ways of `streams.projections.forgetting` by looking at all rows: which of some old ones may go."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from streams.projections.forgetting import Blocked, Ended, Followed, Forgets, Happened, Keyframed, Rostered
from streams.projections.table import Key, Row

Named: TypeAlias = dict[str, Any]
Doomed: TypeAlias = Iterator[tuple[Named, int]]
"""Rows, and the offset from which on nobody misses each."""

_BEGAN = itemgetter("from_ms", "from_event")
_ORDER = itemgetter("event", "part")


def doomed(
    way: Forgets, old: Sequence[Named], rows: Sequence[Named], there: Collection[Key], before_ms: int
) -> Doomed:
    """Yield which of some old rows of all go. `there`: of blocks, the keys of what is there still."""
    match way:
        case Ended():
            yield from ((row, row["to_offset"]) for row in old)
        case Happened():
            yield from ((row, row[way.offset]) for row in old)
        case Keyframed():
            yield from _each(way.of, old, rows, partial(_keyframed, way, before_ms))
        case Followed():
            yield from _each(way.of, old, rows, partial(_followed, way, before_ms))
        case Rostered():
            yield from _each(way.of, old, rows, partial(_rostered, way, before_ms))
        case Blocked():
            yield from _each(("incarnation",), old, rows, partial(_blocked, way, before_ms, there))


def _each(
    of: tuple[str, ...],
    old: Iterable[Named],
    rows: Iterable[Named],
    of_one: Callable[[list[Named], list[Named]], Doomed],
) -> Doomed:
    """Yield which old rows go, of each that has rows for itself."""
    same = _by(of, rows)
    for which, found in _by(of, old).items():
        yield from of_one(found, same[which])


def _by(of: Iterable[str], rows: Iterable[Named]) -> dict[Row, list[Named]]:
    which = _columns(("partition", *of))
    return {key: list(found) for key, found in groupby(sorted(rows, key=which), which)}


def _columns(names: Iterable[str]) -> Callable[[Named], Row]:
    columns = tuple(names)
    return lambda row: tuple([row[column] for column in columns])


def _followed(way: Followed, before_ms: int, old: Iterable[Named], rows: Sequence[Named]) -> Doomed:
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


def _keyframed(way: Keyframed, before_ms: int, old: Iterable[Named], rows: Sequence[Named]) -> Doomed:
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


def _rostered(way: Rostered, before_ms: int, old: Iterable[Named], rows: Iterable[Named]) -> Doomed:
    mine = {(row["event"], row["part"]): row for row in rows if row[way.over_ms] <= before_ms}
    anchors = [place for place, row in mine.items() if row["keyframe"] is not None or row["spell"] == 1]
    anchor = max(anchors, default=(-1, -1))
    named = {(event, 0) for event in (mine[anchor]["keyframe"] or () if anchors else ())}
    known = {place: mine[place] for place in sorted(mine) if anchors and (place >= anchor or place in named)}
    latest = {row[way.member]: row for row in known.values()}
    stands = any(row[way.left[0]] != way.left[1] for row in latest.values())
    missed = [known[anchor]] if stands else known.values()
    beyond = max([row[way.offset] for row in missed], default=-1)
    for row in old:
        if not (stands and (row["event"], row["part"]) in known):
            yield row, max(row[way.offset], beyond)


def few_blocks(way: Blocked, page: list[Named], rows: Iterable[Named], limit: int) -> list[Named]:
    """Return the page, or its beginning, if the blocks whose newest rows it has are of more rows than that in all."""
    blocks, counted = _by(("incarnation", "block"), rows), 0
    which = _columns(("partition", "incarnation", "block"))
    for index, row in enumerate(page):
        block = blocks[which(row)]
        if row["block"] != way.every and row is max(block, key=_ORDER):
            if counted >= limit:
                return page[:index]
            counted += len(block)
    return page


def _blocked(
    way: Blocked, before_ms: int, there: Collection[Key], old: Iterable[Named], rows: Sequence[Named]
) -> Doomed:
    blocks: dict[int, list[Named]] = {}
    for row in rows:
        blocks.setdefault(row["block"], []).append(row)
    ends = blocks.pop(way.every, [])
    for row in old:
        if row["block"] == way.every:
            if not any(_within(way, block, row) for block in blocks):
                yield row, row[way.offset]
        elif row is max(blocks[row["block"]], key=_ORDER):
            ended = [end for end in ends if _within(way, row["block"], end)]
            block = blocks[row["block"]]
            waits = any(one[way.over_ms] > before_ms for one in (*block, *ended))
            if not waits and not any(number in there for number in _numbers(way, row)):
                beyond = max([one[way.offset] for one in (*block, *ended)])
                yield from ((one, beyond) for one in block)


def _within(way: Blocked, block: int, end: Named) -> bool:
    """Say whether an end is one of numbers of the block."""
    return bool(end["first_"] // way.size <= block <= end["last_"] // way.size)


def _numbers(way: Blocked, row: Named) -> Iterator[Key]:
    """Yield the keys of all that the row's block numbers."""
    first = row["block"] * way.size
    return ((row["partition"], row["incarnation"], number) for number in range(first, first + way.size))

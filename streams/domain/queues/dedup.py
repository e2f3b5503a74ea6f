"""What a shard remembers of the messages that came, to know one that comes again.

Kept is when an id came; for how long that counts, the window of now says. So the order in which ids came is the order
in which they are forgotten, and a shorter window makes room at once.
Imports the standard library and `immutables` only.
"""

from collections.abc import Sequence
from typing import Final, TypeAlias

from immutables import Map

from streams.domain.decider import LeaseMs
from streams.domain.queues.commands import Origin
from streams.domain.queues.limits import MAX_DEDUP_IDS, MOVE_WINDOW_MS
from streams.domain.queues.settings import QueueSettings
from streams.domain.structures.fifo import EMPTY, Fifo
from streams.domain.value import value

FORGET_AT_LEAST: Final = 64
"""Ids that one enqueue forgets if their time is over; more, if it brings more."""
Come: TypeAlias = tuple[str, int, bool]
"""A message that came: its id, its number, and whether it is a stray."""


@value
class Dedup:
    """The numbers of messages by id, when each came, and the order to forget them in."""

    known: Map[str, tuple[int, LeaseMs]]
    order: Fifo[tuple[LeaseMs, str]]
    """Some may have come anew since; then their own time is over."""
    homeless_at: LeaseMs | None
    """When the newest came whose home may be another shard by the newest route; None: there is none."""


NOTHING_KNOWN: Final = Dedup(Map(), EMPTY, None)


def identity(origin: Origin) -> str:
    """Return what names a move: of this message, by this subscription. No part has a line break."""
    return f"{origin.queue}\n{origin.message}\n{origin.subscription}"


def window_ms(settings: QueueSettings) -> int:
    """Return for how long the id of a message counts that was put."""
    return settings.dedup_window_ms


def move_window_ms(settings: QueueSettings) -> int:
    """Return for how long the identity of a move counts."""
    return max(settings.dedup_window_ms, MOVE_WINDOW_MS)


def recall(dedup: Dedup, name: str, window: int, now: LeaseMs) -> int | None:
    """Return the number of the message that came under this id, if that still counts."""
    known = dedup.known.get(name)
    return known[0] if known is not None and known[1] + window > now else None


def has_room(dedup: Dedup, coming: int, window: int, now: LeaseMs) -> bool:
    """Say whether so many more can be remembered, if those are forgotten whose time is over."""
    over = len(dedup.order) + coming - MAX_DEDUP_IDS
    if over <= 0 or not coming:
        return True
    return over <= len(dedup.order) and dedup.order[over - 1][0] + window <= now


def remembered(dedup: Dedup, came: Sequence[Come], at: LeaseMs, window: int) -> Dedup:
    """Return the memory with what came, and without some whose time is over: at least as many as came."""
    order, over = dedup.order, 0
    if not came and not len(order):
        return dedup
    changed = dedup.known.mutate()
    for came_at, name in order:
        if came_at + window > at or over >= FORGET_AT_LEAST + 2 * len(came):
            break
        over += 1
        if changed.get(name, (0, -1))[1] == came_at:
            changed.pop(name, None)
    order = order.without_first(over)
    for name, number, _ in came:
        changed[name] = (number, at)
    if came:
        order = order.extended([(at, name) for name, _, _ in came])
    homeless_at = at if any(stray for _, _, stray in came) else dedup.homeless_at
    return Dedup(changed.finish(), order, homeless_at)


def resized(dedup: Dedup) -> Dedup:
    """Return the memory by a new route: the home of any that is known may be elsewhere."""
    newest = dedup.order[-1][0] if len(dedup.order) else None
    return Dedup(dedup.known, dedup.order, newest)


def is_settled(dedup: Dedup, window: int, now: LeaseMs) -> bool:
    """Say whether no id counts any more whose home may be elsewhere."""
    return dedup.homeless_at is None or dedup.homeless_at + window <= now

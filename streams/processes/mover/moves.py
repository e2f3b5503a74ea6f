"""What is on its way, folded from the logs of queues. Pure: no clock, no I/O.

Of a source it keeps how many messages are MOVING, and of each pair of source and target only the span of their
numbers, so that it stays small however many there are. Which they are, and what is in them, the owner of the source
says when their turn comes: that answer is of later than all that was folded. The price is that pages of a source with
several targets are looked at once for each.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from streams.domain.queues.events import (
    MessagesDied,
    MessagesMoved,
    MessagesRedriven,
    MovesFailed,
    QueueDeleted,
    SubscriptionRemoved,
)
from streams.domain.value import value
from streams.log.positions import PartitionId

FOLDED: tuple[type, ...] = (
    MessagesDied,
    MessagesRedriven,
    MessagesMoved,
    MovesFailed,
    SubscriptionRemoved,
    QueueDeleted,
)
"""The events that matter here."""


@value
class Source:
    """Where messages come from: one subscription of one shard."""

    where: PartitionId
    shard: str
    """The shard's name, as its tenant knows it."""
    subscription: str

    @property
    def queue(self) -> str:
        """The name of the queue."""
        return self.shard.partition("#")[0]

    @property
    def number(self) -> int:
        """Which shard of the queue it is."""
        return int(self.shard.partition("#")[2] or 0)


@value
class Lane:
    """Messages of one source for one target. They are moved one batch after the other, by rising number."""

    source: Source
    target: str


@value
class Span:
    """All messages of a lane have numbers from `first` to `last`."""

    first: int
    last: int

    def and_(self, other: "Span") -> "Span":
        """Return the span of both."""
        return Span(min(self.first, other.first), max(self.last, other.last))

    def after(self, number: int) -> "Span | None":
        """Return what is left of it above `number`."""
        return Span(max(self.first, number + 1), self.last) if number < self.last else None


class Moves:
    """Counts and spans. A lane is taken by `begin` and given back by `end`: then it is the last in line."""

    def __init__(self) -> None:
        self.moving: dict[Source, int] = {}
        self._spans: dict[Lane, Span] = {}
        self.under_way: set[Lane] = set()

    def fold(self, where: PartitionId, shard: str, event: Any) -> Source | None:
        """Fold one event of a shard; return the source that it changed."""
        match event:
            case MessagesDied(to=str(to)):
                numbers: Iterable[int] = [each.message for each in event.messages]
            case MessagesRedriven(to=str(to)):
                numbers = event.messages
            case MessagesMoved() | MovesFailed():
                return self._settled(Source(where, shard, event.subscription), len(event.messages))
            case SubscriptionRemoved():
                return self._forget(Source(where, shard, event.subscription))
            case QueueDeleted():
                for source in [each for each in self.moving if (each.where, each.shard) == (where, shard)]:
                    self._forget(source)
                return None
            case _:
                return None
        return self._on_their_way(Lane(Source(where, shard, event.subscription), to), list(numbers))

    def restore(self, lane: Lane, count: int, span: Span) -> None:
        """Begin with what was on its way in a lane where the fold begins."""
        self.moving[lane.source] = self.moving.get(lane.source, 0) + count
        self._spans[lane] = span

    def has_begun(self, source: Source, event: Any) -> bool:
        """Say whether nothing of the source was on its way before `event`, the last that was folded."""
        begins = isinstance(event, MessagesDied | MessagesRedriven)
        return begins and self.moving[source] == len(event.messages)

    def waiting(self) -> Iterator[Lane]:
        """Yield the lanes that have something to move and are not under way, first in line first."""
        return (lane for lane in self._spans if lane not in self.under_way)

    def lanes(self) -> set[Lane]:
        """Return all lanes that have something to move."""
        return self.under_way.union(self._spans)

    def begin(self, lane: Lane) -> Span:
        """Take a lane. What comes to it meanwhile begins a span of its own."""
        self.under_way.add(lane)
        return self._spans.pop(lane)

    def end(self, lane: Lane, rest: Span | None) -> None:
        """Give a lane back, with what is left of its span."""
        self.under_way.discard(lane)
        came = self._spans.pop(lane, None)
        left = [span for span in (rest, came) if span is not None]
        if left and lane.source in self.moving:
            self._spans[lane] = left[0].and_(left[-1])

    def _on_their_way(self, lane: Lane, numbers: list[int]) -> Source:
        source, span = lane.source, Span(min(numbers), max(numbers))
        self.moving[source] = self.moving.get(source, 0) + len(numbers)
        self._spans[lane] = span.and_(self._spans.get(lane, span))
        return source

    def _settled(self, source: Source, count: int) -> Source:
        left = self.moving.get(source, 0) - count
        if left > 0:
            self.moving[source] = left
        else:
            self._forget(source)
        return source

    def _forget(self, source: Source) -> Source:
        """Nothing of the source is on its way any more."""
        if self.moving.pop(source, None) is not None:
            self._spans = {lane: span for lane, span in self._spans.items() if lane.source != source}
        return source

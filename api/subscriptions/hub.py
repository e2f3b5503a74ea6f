"""Where commits come in once and go out to whoever watches: one a process, in one event loop.

A change finds its subscribers by key, by the prefixes in use, or by its command: what nobody watches costs a look-up.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Protocol

from api.subscriptions.change import Change, Entry
from api.subscriptions.cursor import Place
from api.subscriptions.errors import Ended, LogHalted, TooManySubscriptions
from api.subscriptions.interest import Interest, OnCommand, OnKey
from api.subscriptions.lane import Lane
from api.subscriptions.subscriber import Ending, QueueLimits
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.checkpoint import Checkpoint
from streams.log.positions import PartitionId
from streams.log.reader import LogHalt
from streams.log.records import Genesis, LoggedDecision
from streams.log.vocabulary import Vocabulary


@value
class HubLimits:
    """How much one process keeps and serves."""

    ring_bytes: int = 8 * 1024 * 1024
    """Newest commits kept, as stored; in memory they take some eight times that."""
    subscriptions: int = 10_000
    queue: QueueLimits = QueueLimits()


class Listener(Protocol):
    """Whoever gets what is of interest to it. It is known by its identity."""

    @property
    def interest(self) -> Interest:
        """What it wants to hear of."""

    def push(self, entry: Entry) -> None:
        """Take what came."""

    def end(self, ending: Ending) -> None:
        """Expect no more."""


class _Watched:
    """Who of one tenant watches more than single keys."""

    def __init__(self) -> None:
        self.by_prefix: dict[str, dict[Listener, None]] = {}
        self.lengths: tuple[int, ...] = ()
        self.by_command: dict[str, dict[Listener, None]] = {}

    def watching(self, decision: LoggedDecision) -> Iterator[Listener]:
        yield from self.by_command.get(decision.command, ())
        start = len(decision.tenant) + 1
        for length in self.lengths:
            for listener in self.by_prefix.get(decision.key[start : start + length], ()):
                if listener.interest.wants(decision):
                    yield listener

    def measure(self) -> None:
        self.lengths = tuple(sorted({len(prefix) for prefix in self.by_prefix}))


class Hub:
    """All lanes of one kind, and all live subscribers."""

    def __init__(self, vocabulary: Vocabulary, limits: HubLimits) -> None:
        self.vocabulary = vocabulary
        self.limits = limits
        self.lanes: dict[PartitionId, Lane] = {}
        self.ready = asyncio.Event()
        """Set once the partitions are known."""
        self.ending: Ending | None = None
        self.subscriptions = 0
        self.beside: tuple[Hub, ...] = ()
        """Of other kinds in this process: all share one limit."""
        self._empty = asyncio.Event()
        self._by_key: dict[str, dict[Listener, None]] = {}
        self._by_tenant: dict[str, _Watched] = {}

    def open(self, starts: Mapping[PartitionId, Checkpoint]) -> None:
        """Begin with the partitions that there are."""
        share = self.limits.ring_bytes // max(1, len(starts))
        self.lanes = {where: Lane(where, start, share) for where, start in starts.items()}
        self.ready.set()

    def genesis_of(self, where: PartitionId) -> Genesis | None:
        """Return how the partition's log began, as far as is known."""
        lane = self.lanes.get(where)
        return None if lane is None else lane.genesis

    @property
    def partitions(self) -> tuple[PartitionId, ...]:
        """All partitions, in order."""
        return tuple(self.lanes)

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Count one more subscription as long as it lasts. Raises `TooManySubscriptions`."""
        if self.subscriptions + sum(hub.subscriptions for hub in self.beside) >= self.limits.subscriptions:
            raise TooManySubscriptions(
                f"This node serves {self.limits.subscriptions} subscriptions and no more. Try another node.",
                retry_after_ms=1000,
            )
        self.subscriptions += 1
        try:
            yield
        finally:
            self.subscriptions -= 1
            if not self.subscriptions and self.ending is not None:
                self._empty.set()

    async def left(self, within_s: float) -> None:
        """Wait, not too long, until a hub that was closed has no subscriptions left."""
        if self.subscriptions:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._empty.wait()

    def feed(self, commit: AcceptedCommit) -> None:
        """Take the next commit that counts; everybody who watches gets what is theirs of it."""
        lane = self.lanes[commit.where]
        lane.keep(commit)
        first, vector = 0, None
        for decision in commit.commit.decisions:
            if not decision.events:
                continue
            alone, watched = self._by_key.get(decision.key), self._by_tenant.get(decision.tenant)
            if alone is not None or watched is not None:
                change = Change(commit, decision, first, self.vocabulary)
                if alone is not None:
                    entry = Entry(change, None, True)
                    for subscriber in tuple(alone):
                        subscriber.push(entry)
                if watched is not None:
                    vector = self.places() if vector is None else vector
                    entry = Entry(change, vector, True)
                    for subscriber in watched.watching(decision):
                        subscriber.push(entry)
            first += len(decision.events)
        lane.passed(commit.offset + 1)

    def places(self) -> dict[PartitionId, Place]:
        """Return what comes next in each partition."""
        return {where: lane.place for where, lane in self.lanes.items()}

    def halt(self, where: PartitionId, error: LogHalt) -> None:
        """Stop a partition that cannot be read on; who watches it ends."""
        self.lanes[where].halted = error
        for subscriber in self._everybody():
            if where in subscriber.interest.partitions:
                subscriber.end(halted(error))

    def close(self, ending: Ending) -> None:
        """End every subscriber, and whoever comes later."""
        self.ending = ending
        for subscriber in self._everybody():
            subscriber.end(ending)

    def attach(self, subscriber: Listener) -> None:
        """Have it get what comes from now on."""
        interest = subscriber.interest
        if self.ending is not None:
            subscriber.end(self.ending)
        if isinstance(interest, OnKey):
            self._by_key.setdefault(interest.key, {})[subscriber] = None
            return
        watched = self._by_tenant.setdefault(interest.tenant, _Watched())
        if isinstance(interest, OnCommand):
            watched.by_command.setdefault(interest.command, {})[subscriber] = None
        else:
            watched.by_prefix.setdefault(interest.prefix, {})[subscriber] = None
            watched.measure()

    def detach(self, subscriber: Listener) -> None:
        """Have it get nothing more."""
        interest = subscriber.interest
        if isinstance(interest, OnKey):
            _leave(self._by_key, interest.key, subscriber)
            return
        watched = self._by_tenant[interest.tenant]
        if isinstance(interest, OnCommand):
            _leave(watched.by_command, interest.command, subscriber)
        else:
            _leave(watched.by_prefix, interest.prefix, subscriber)
            watched.measure()
        if not watched.by_prefix and not watched.by_command:
            del self._by_tenant[interest.tenant]

    def _everybody(self) -> list[Listener]:
        several = [
            subscriber
            for watched in self._by_tenant.values()
            for group in (*watched.by_command.values(), *watched.by_prefix.values())
            for subscriber in group
        ]
        return several + [subscriber for group in self._by_key.values() for subscriber in group]


def halted(error: LogHalt) -> Ending:
    """Return how whoever watches a halted partition ends."""

    def ending(cursor: str | None) -> Ended:
        return LogHalted(
            f"This node cannot read on at {error.position} ({error.code}). Upgrade it; then go on from `cursor`.",
            cursor,
        )

    return ending


def _leave(groups: dict[str, dict[Listener, None]], key: str, subscriber: Listener) -> None:
    group = groups.get(key)
    if group is not None:
        group.pop(subscriber, None)
        if not group:
            del groups[key]

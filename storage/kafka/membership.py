"""Who owns what, by Kafka's group protocol: membership only, with the ring as assignor. It fetches nothing.

Safety never rests on this: claims in the log decide. It only spreads the partitions and notices the dead.

aiokafka tells of a fatal group error only to whoever polls, and then waits until somebody did; an exception in its
coordinator's task (an assignor's, a foreign member's unreadable metadata) ends that task, and only a poll says so.
What a listener raises it merely logs. So we poll, though nothing is fetched, and tell `lost` of the first error: the
place in the group is gone then, and only a new process gets a new one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from storage.kafka.client import consumer
from streams.domain.value import value
from streams.log.assignment import Member, assign
from streams.log.positions import PartitionId

GROUP = "tidelock.owners"
VERSION = 0
POLL_MS = 1000

_log = structlog.get_logger("tidelock.membership")


Assigned = Callable[[frozenset[PartitionId], Mapping[PartitionId, str], Mapping[str, int]], Awaitable[None]]
"""Hears what is owned here, where each partition's owner listens, and which feature level each member supports."""


@value
class Told:
    """What the group's leader tells every member beside its partitions."""

    routes: Mapping[PartitionId, str]
    """Where each partition's owner listens."""
    levels: Mapping[str, int]
    """The highest feature level of each member, by its name."""

    def to_bytes(self) -> bytes:
        """Return the form that travels as the assignment's user data."""
        routes = {str(where): address for where, address in self.routes.items()}
        return json.dumps({"routes": routes, "levels": dict(self.levels)}).encode()

    @classmethod
    def from_bytes(cls, data: bytes | None) -> "Told":
        """Read what `to_bytes` made. Raises what JSON does, and the errors of another shape."""
        told = json.loads(data or b"{}")
        if not told:
            return cls({}, {})
        routes = {_parse(text): str(address) for text, address in told["routes"].items()}
        return cls(routes, {str(member): int(level) for member, level in told["levels"].items()})


class Membership:
    """This worker's place in the group: tells what it is assigned, and who else is assigned what."""

    def __init__(
        self,
        bootstrap: str,
        kinds: tuple[str, ...],
        me: Callable[[], Member],
        assigned: Assigned,
        lost: Callable[[Exception], None],
        session_timeout_ms: int,
    ) -> None:
        self._lost = lost
        self._polling: asyncio.Task[None] | None = None
        topics = {PartitionId(kind, 0).commands_topic: kind for kind in kinds}
        self._topics = topics
        self._listener = _Listener(topics, assigned, lost)
        self._consumer = consumer(
            bootstrap,
            group_id=GROUP,
            auto_offset_reset="latest",
            partition_assignment_strategy=(ring_assignor(me, self._listener.heard, topics),),
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=max(50, min(1000, session_timeout_ms // 30)),
            max_poll_interval_ms=2**31 - 1,
            rebalance_timeout_ms=max(session_timeout_ms, 5000),
        )

    async def start(self) -> None:
        """Join the group."""
        await self._consumer.start()
        self._listener.pause = lambda held: self._consumer.pause(*held) if held else None
        self._consumer.subscribe(list(self._topics), listener=self._listener)
        self._polling = asyncio.create_task(poll(self._consumer), name="poll the group")
        self._polling.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Leave the group: the others need not wait for the session to end."""
        polling, self._polling = self._polling, None
        if polling is not None:
            polling.cancel()
            await asyncio.wait([polling])
        await self._consumer.stop()

    def _ended(self, polling: asyncio.Task[None]) -> None:
        error = None if polling.cancelled() else polling.exception()
        if polling is self._polling:  # else we stopped it
            self._lost(error if isinstance(error, Exception) else GroupEnded())


class GroupEnded(Exception):
    """The coordinator's task was cancelled: nobody heartbeats any more."""

    code = "GROUP_ENDED"

    def __init__(self) -> None:
        super().__init__("Nobody keeps this worker in its group any more; start it again.")


class Polled(Protocol):
    """What `poll` needs of a consumer."""

    async def getmany(self, *, timeout_ms: int) -> object:
        """Return records, or raise what the group's coordinator has to tell."""


async def poll(consumer: Polled) -> None:
    """Ask for records, of which there are none, until the consumer raises what is wrong with the group."""
    while True:
        await consumer.getmany(timeout_ms=POLL_MS)


def _ignore(_: Iterable[TopicPartition]) -> None:
    """Nothing to pause yet."""


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(
        self,
        topics: Mapping[str, str],
        assigned: Assigned,
        lost: Callable[[Exception], None],
    ) -> None:
        self._topics = topics
        self._assigned = assigned
        self._lost = lost
        self._told = Told({}, {})
        self.pause: Callable[[Iterable[TopicPartition]], None] = _ignore

    def heard(self, told: Told) -> None:
        self._told = told

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """An owner decides on through a rebalance; only a new assignment ends it."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        held = list(assigned)
        try:
            self.pause(held)
            mine = frozenset(PartitionId(self._topics[tp.topic], tp.partition) for tp in held)
            await self._assigned(mine, self._told.routes, self._told.levels)
        except Exception as error:
            self._lost(error)


def ring_assignor(
    me: Callable[[], Member], heard: Callable[[Told], None], topics: Mapping[str, str]
) -> type[AbstractPartitionAssignor]:
    """Return an assignor class bound to this worker (aiokafka takes classes, not objects)."""

    class RingAssignor(AbstractPartitionAssignor):  # type: ignore[misc]
        name: ClassVar[str] = "tidelock-ring"
        version: ClassVar[int] = VERSION

        @classmethod
        def metadata(cls, subscribed: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(VERSION, sorted(subscribed), me().to_bytes())

        @classmethod
        def assign(
            cls, cluster: Any, members: Mapping[str, ConsumerProtocolMemberMetadata]
        ) -> dict[str, ConsumerProtocolMemberAssignment]:
            told = {mid: Member.from_bytes(metadata.user_data) for mid, metadata in members.items()}
            everyone = {mid: member for mid, member in told.items() if member is not None}
            for mid in sorted(told.keys() - everyone.keys()):
                _log.error("a member of the group is no worker of ours; it gets nothing", member=mid)
            there = {
                topic: [PartitionId(kind, each) for each in sorted(cluster.partitions_for_topic(topic) or ())]
                for topic, kind in topics.items()
            }
            placed = _placed(everyone, there, {mid: set(members[mid].subscription) for mid in everyone})
            routes = {p: everyone[mid].address for p, mid in placed.items()}
            levels = {one.name: one.max_level for one in everyone.values()}
            for_all = Told(routes, levels).to_bytes()
            return {
                mid: ConsumerProtocolMemberAssignment(
                    VERSION, _by_topic(p for p, m in placed.items() if m == mid), for_all
                )
                for mid in members
            }

        @classmethod
        def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
            try:
                told = Told.from_bytes(assignment.user_data)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                _log.error("the group's leader sent routes that cannot be read", error=repr(error))
                told = Told({}, {})
            heard(told)

    return RingAssignor


def _placed(
    everyone: Mapping[str, Member],
    there: Mapping[str, Sequence[PartitionId]],
    subscribed: Mapping[str, Collection[str]],
) -> dict[PartitionId, str]:
    """Return who owns what. A worker of another release may lack a kind: then those that know it share it."""
    placed: dict[PartitionId, str] = {}
    for topic, partitions in there.items():
        placed |= assign({mid: one for mid, one in everyone.items() if topic in subscribed[mid]}, partitions)
    return placed


def _by_topic(partitions: Iterable[PartitionId]) -> list[tuple[str, list[int]]]:
    grouped: dict[str, list[int]] = {}
    for partition in partitions:
        grouped.setdefault(partition.commands_topic, []).append(partition.partition)
    return sorted(grouped.items())


def _parse(text: str) -> PartitionId:
    kind, number = text.split("/")
    return PartitionId(kind, int(number))

"""The place in the group, without a group: what the consumer or an assignment raises, and whom the assignor heeds."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import GroupAuthorizationFailedError
from structlog.testing import capture_logs

from storage.kafka.membership import GroupEnded, Membership, Told, ring_assignor
from streams.log.assignment import Member
from streams.log.positions import PartitionId

TOPICS = {"tidelock.locks.commands": "locks"}
ME = Member("a", "a:7400", 1)


class Topics(ClusterMetadata):  # type: ignore[misc]
    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0, 1, 2, 3}


class Consumer:
    """Polls well `polls` times, then says `last`; until then nobody is in a hurry."""

    def __init__(self, last: BaseException | None, polls: int = 2) -> None:
        self.last = last
        self.polls = polls
        self.stopped = False

    async def start(self) -> None:
        """Nothing to connect to."""

    def subscribe(self, topics: list[str], listener: object) -> None:
        """Nobody assigns."""

    async def getmany(self, *, timeout_ms: int) -> dict[str, Any]:
        await asyncio.sleep(0)
        self.polls -= 1
        if self.polls < 0:
            if self.last is None:
                await asyncio.Event().wait()
            else:
                raise self.last
        return {}

    async def stop(self) -> None:
        self.stopped = True


async def _owns(
    mine: frozenset[PartitionId], routes: Mapping[PartitionId, str], levels: Mapping[str, int]
) -> None:
    raise ValueError("planted")


async def _in_group(consumer: Consumer) -> tuple[Membership, "asyncio.Queue[Exception]"]:
    lost: asyncio.Queue[Exception] = asyncio.Queue()
    membership = Membership("127.0.0.1:1", ("locks",), lambda: ME, _owns, lost.put_nowait, 3000)
    membership._consumer = consumer
    await membership.start()
    return membership, lost


async def test_an_error_of_the_group_is_told_once() -> None:
    error = GroupAuthorizationFailedError("tidelock.owners")
    membership, lost = await _in_group(Consumer(error))
    assert await asyncio.wait_for(lost.get(), 5) is error
    await membership.stop()
    assert lost.empty()


async def test_a_coordinator_that_was_cancelled_is_told_too() -> None:
    membership, lost = await _in_group(Consumer(asyncio.CancelledError()))
    assert isinstance(await asyncio.wait_for(lost.get(), 5), GroupEnded)
    await membership.stop()


async def test_leaving_is_no_loss() -> None:
    consumer = Consumer(None)
    membership, lost = await _in_group(consumer)
    await asyncio.sleep(0)
    await membership.stop()
    await asyncio.sleep(0)
    assert lost.empty()
    assert consumer.stopped


async def test_what_an_assignment_raises_is_a_loss() -> None:
    membership, lost = await _in_group(Consumer(None))
    membership._listener.pause = lambda held: None
    await membership._listener.on_partitions_assigned([TopicPartition("tidelock.locks.commands", 0)])
    assert str(lost.get_nowait()) == "planted"
    await membership.stop()


def test_a_foreign_member_gets_nothing_and_is_named() -> None:
    heard: list[Told] = []
    assignor = ring_assignor(lambda: ME, heard.append, TOPICS)
    ours = assignor.metadata(TOPICS)
    members = {"m1": ours} | {
        f"x{number}": ConsumerProtocolMemberMetadata(0, list(TOPICS), data)
        for number, data in enumerate((None, b"garbled", b'{"worker": 1}'))
    }
    with capture_logs() as logs:
        placed = assignor.assign(Topics(), members)
    assert {mid for mid, assignment in placed.items() if assignment.assignment} == {"m1"}
    assert set(placed) == set(members)
    assert [line["member"] for line in logs] == ["x0", "x1", "x2"]
    assignor.on_assignment(placed["m1"])
    assert heard == [Told({PartitionId("locks", number): "a:7400" for number in range(4)}, {"a@a:7400": 1})]


def test_who_lacks_a_kind_gets_nothing_of_it() -> None:
    both = TOPICS | {"tidelock.counters.commands": "counters"}
    newer = ring_assignor(lambda: ME, lambda _: None, both)
    older = ring_assignor(lambda: Member("b", "b:7400", 1), lambda _: None, TOPICS)
    placed = newer.assign(Topics(), {"new": newer.metadata(both), "old": older.metadata(TOPICS)})
    assert {topic for topic, _ in placed["old"].assignment} <= TOPICS.keys()
    assert dict(placed["new"].assignment)["tidelock.counters.commands"] == [0, 1, 2, 3]
    owned = [
        number
        for each in placed.values()
        for number in dict(each.assignment).get("tidelock.locks.commands", [])
    ]
    assert sorted(owned) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"[1]",
        b'{"locks/0": "a:1"}',
        b'{"routes": {"locks": "a:1"}, "levels": {}}',
        b'{"routes": {"locks/x": "a:1"}, "levels": {}}',
        b'{"routes": {}, "levels": {"a": []}}',
    ],
)
def test_routes_that_cannot_be_read_are_no_routes(data: bytes) -> None:
    heard: list[Told] = []
    with capture_logs() as logs:
        ring_assignor(lambda: ME, heard.append, TOPICS).on_assignment(
            ConsumerProtocolMemberAssignment(0, [], data)
        )
    assert heard == [Told({}, {})]
    assert len(logs) == 1

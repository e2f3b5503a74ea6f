"""What a target refuses for good ends the messages that it is about and no others; all else is tried again."""

import pytest

from streams.domain.queues.commands import NewMessage, Origin
from streams.domain.queues.replies import EnqueueResult
from streams.domain.queues.settings import QueueRoute
from streams.processes.lane import LaneError, LaneRefused, LaneUnavailable
from streams.processes.mover.batches import Batch
from streams.processes.mover.moves import Source
from streams.processes.mover.ports import Page, Settled
from streams.processes.mover.targets import Targets

BAD = b"bad"
FOR_GOOD = (
    "BAD_ARGUMENT",
    "BATCH_TOO_LARGE",
    "COMMAND_TOO_LARGE",
    "DEAD_LETTER_LOOP",
    "NO_SUBSCRIPTIONS",
    "PAYLOAD_TOO_LARGE",
)


class Lane:
    """A queue of one shard that refuses a command with a bad message in it."""

    def __init__(self, refusal: LaneError) -> None:
        self.refusal = refusal
        self.names: LaneError | None = None
        self.taken: list[bytes] = []

    async def peek(self, source: Source, after: int, limit: int) -> Page:
        raise AssertionError((source, after, limit))

    async def confirm(self, source: Source, incarnation: int, settled: Settled) -> None:
        raise AssertionError((source, incarnation, settled))

    async def tell(self, queue: str, shard: int, route: QueueRoute) -> None:
        raise AssertionError((queue, shard, route))

    async def route(self, queue: str, shard: int = 0) -> QueueRoute:
        if self.names is not None:
            raise self.names
        return QueueRoute(1, 1, 1)

    async def enqueue(
        self, queue: str, shard: int, epoch: int, messages: tuple[NewMessage, ...]
    ) -> tuple[EnqueueResult, ...]:
        if any(one.payload == BAD for one in messages):
            raise self.refusal
        self.taken += [one.payload for one in messages]
        return tuple(EnqueueResult(len(self.taken), "ENQUEUED") for _ in messages)


def letters(*payloads: bytes) -> Batch:
    origin = Origin("orders", "0.1.1", "no", 1)
    return {
        number: NewMessage(payload, None, None, 4, 0, f"d{number}", (), 0, origin)
        for number, payload in enumerate(payloads, 1)
    }


@pytest.mark.parametrize("code", FOR_GOOD)
async def test_what_a_target_never_takes_fails_with_the_reason_and_the_others_go(code: str) -> None:
    lane = Lane(LaneRefused("because", code))
    settled, trouble = await Targets(lane).put("dead", letters(b"1", BAD, b"3"))
    assert (settled.moved, trouble, lane.taken) == ((1, 3), None, [b"1", b"3"])
    assert [(each.message, each.reason) for each in settled.failed] == [(2, f"{code} (dead): because")]


@pytest.mark.parametrize("code", ["BAD_ARGUMENT", "BAD_NAME", "QUEUE_UNKNOWN"])
async def test_a_target_that_cannot_be_or_is_not_fails_all(code: str) -> None:
    lane = Lane(LaneUnavailable(""))
    lane.names = LaneRefused("because", code)
    settled, trouble = await Targets(lane).put("dead", letters(b"1", b"2"))
    assert (settled.moved, trouble, lane.taken) == ((), None, [])
    assert [each.reason for each in settled.failed] == [f"{code} (dead): because"] * 2


@pytest.mark.parametrize(
    "doubt", [LaneUnavailable("lost"), LaneRefused("full", "QUEUE_FULL"), LaneRefused("?", "INTERNAL")]
)
async def test_nothing_fails_by_a_doubt(doubt: LaneError) -> None:
    settled, trouble = await Targets(Lane(doubt)).put("dead", letters(b"1", BAD, b"3"))
    assert (settled, trouble) == (Settled("dead"), doubt)

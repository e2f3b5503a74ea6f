"""The shell of the mover: logs in, commands out. The only clock here paces and measures.

A lane's turn: look at a page of its source, enqueue a batch in the target, confirm it to the source. Killed at any
point, the logs say where to go on; what was enqueued and not confirmed is enqueued again, and the target knows it.
Any number of movers may run: one leads, whoever confirmed last, as the log has it. The others leave a source alone
as long as its messages go.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

from streams.domain.queues.events import MessagesMoved, MovesFailed
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import LogTail
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.processes.follower import Follower
from streams.processes.identity import Identity
from streams.processes.lane import LaneError, LaneRefused
from streams.processes.mover.batches import batch_of, rest_of
from streams.processes.mover.moves import FOLDED, Lane, Moves, Span
from streams.processes.mover.pauses import Party, Pause, Pauses
from streams.processes.mover.ports import QueueLane, Settled
from streams.processes.mover.targets import Targets

HOLD_BACK_S = 0.5
"""How long those wait who do not lead, since messages of the source last went, or the first of them was to go."""
MAX_UNDER_WAY = 8
"""Lanes that have their turn at once: so many pages are in memory."""
FULL = "QUEUE_FULL"
LOOKED_AT = frozenset(f"tidelock.queues.{each.__name__}" for each in FOLDED)
"""All others, and what is in the messages, it need not decode."""
GONE = frozenset({"QUEUE_UNKNOWN", "SUBSCRIPTION_UNKNOWN"})
"""A source that says so has nothing on its way any more; its log will tell."""


class Watch(Protocol):
    """Whoever counts and logs."""

    def settled(self, lane: Lane, settled: Settled) -> None:
        """Messages were moved, or could not be, and their source knows it."""

    def state(self, state: "MoverState") -> None:
        """What is on its way, and who is waited for."""

    def trouble(self, error: Exception) -> None:
        """Something has to be tried again."""


@value
class MoverState:
    """How it stood when it last gave turns."""

    moving: int = 0
    """Messages on their way, of all sources."""
    under_way: int = 0
    paused: tuple[tuple[str, Pause], ...] = ()
    """Queues that are waited for."""


class MoverProcess(Follower):
    """Tails the logs of queues and moves what is MOVING."""

    def __init__(
        self,
        me: Identity,
        words: Vocabulary,
        readers: Iterable[CommitReader],
        tail: LogTail,
        lane: QueueLane,
        watch: Watch,
        moves: Moves | None = None,
    ) -> None:
        """`moves`: what was on its way where the readers begin; None: they begin at the start."""
        super().__init__(readers, tail, watch.trouble)
        self.moves = Moves() if moves is None else moves
        self.pauses = Pauses()
        self.state = MoverState()
        """May be read by any thread."""
        self.leads = True
        """Whether the last move in the logs is of this process, or none was yet."""
        self._me = me
        self._own = f"{me.tenant}/"
        self._words = words
        self._lane = lane
        self._targets = Targets(lane)
        self._watch = watch
        self._unconfirmed: dict[Lane, tuple[int, Settled]] = {}
        """With the incarnation of the source that it is about."""
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled. Raises, in a group, `LogHalt` or `SchemaError` where this release cannot read on."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._give_turns(group))
            async for batch in self.batches():
                for accepted in batch:
                    self._fold_commit(accepted)
                self._news.set()

    def _fold_commit(self, accepted: AcceptedCommit) -> None:
        own = self._own
        for decision in accepted.commit.decisions:
            if decision.events and decision.key.startswith(own):
                for data in decision.events:
                    if self._words.event_name(data) in LOOKED_AT:
                        self._fold_event(accepted.where, decision, self._words.decode_event(data))

    def _fold_event(self, where: PartitionId, decision: LoggedDecision, event: Any) -> None:
        source = self.moves.fold(where, decision.key.removeprefix(self._own), event)
        has_moved = isinstance(event, MessagesMoved | MovesFailed)
        if has_moved:
            self.leads = decision.client == self._me.client
        if source is not None and not self.leads and (has_moved or self.moves.has_begun(source, event)):
            self.pauses.hold_back(source, asyncio.get_running_loop().time() + HOLD_BACK_S)

    async def _give_turns(self, group: asyncio.TaskGroup) -> None:
        """Give each lane its turn: as many at once as may be, first in line first."""
        while True:
            self._news.clear()
            now = asyncio.get_running_loop().time()
            next_s = self._begin_due(now, group)
            self._watch.state(self._stand())
            try:
                async with asyncio.timeout_at(next_s):
                    await self._news.wait()
            except TimeoutError:
                pass

    def _begin_due(self, now: float, group: asyncio.TaskGroup) -> float | None:
        """Begin the turns that are due; return when the next one is, if only time is missing."""
        later: list[float] = []
        for lane in list(self.moves.waiting()):
            if len(self.moves.under_way) >= MAX_UNDER_WAY:
                return None
            ready_at = self.pauses.ready_at(lane)
            if ready_at > now:
                later.append(ready_at)
            elif not self._has_to_wait(lane):
                group.create_task(self._turn(lane, self.moves.begin(lane)))
        self._forget(now)
        return min(later, default=None)

    def _stand(self) -> MoverState:
        moves, paused = self.moves, self.pauses.paused
        self.state = MoverState(
            sum(moves.moving.values()),
            len(moves.under_way),
            tuple((_name(party), pause) for party, pause in paused.items()),
        )
        return self.state

    def _forget(self, now: float) -> None:
        lanes = self.moves.lanes()
        self.pauses.forget(now, {lane.source for lane in lanes}, {lane.target for lane in lanes})
        self._unconfirmed = {lane: each for lane, each in self._unconfirmed.items() if lane in lanes}

    def _has_to_wait(self, lane: Lane) -> bool:
        """Whether its target is in trouble, and another lane is trying it."""
        return self.pauses.is_troubled(lane.target) and any(
            one.target == lane.target for one in self.moves.under_way
        )

    async def _turn(self, lane: Lane, span: Span) -> None:
        rest: Span | None = span
        try:
            rest = await self._move(lane, span)
        except LaneError as error:
            if not (isinstance(error, LaneRefused) and error.refusal in GONE):
                self._trouble(lane.source, error)
            else:
                self._unconfirmed.pop(lane, None)
                rest = None
        finally:
            self.moves.end(lane, rest)
            self._news.set()

    async def _move(self, lane: Lane, span: Span) -> Span | None:
        """Move a batch; return what is left of the span. Raises `LaneError` where the source is in trouble."""
        await self._confirm(lane)
        source, limit = lane.source, self.pauses.size(lane.target)
        page = await self._lane.peek(source, span.first - 1, min(limit, span.last - span.first + 1))
        batch = batch_of(page, source, lane.target, limit)
        rest = rest_of(page, lane.target, span, batch)
        if not batch:
            self.pauses.well(source)
            return rest
        settled, trouble = await self._targets.put(lane.target, batch)
        if settled:
            self._unconfirmed[lane] = page.incarnation, settled
        if trouble is None:
            self.pauses.well(lane.target)
        else:
            self._target_trouble(lane.target, trouble)
            rest = span
        await self._confirm(lane)
        return rest

    async def _confirm(self, lane: Lane) -> None:
        """Tell the source what it does not know yet."""
        unconfirmed = self._unconfirmed.get(lane)
        if unconfirmed is not None:
            incarnation, settled = unconfirmed
            await self._lane.confirm(lane.source, incarnation, settled)
            del self._unconfirmed[lane]
            self._watch.settled(lane, settled)
        self.pauses.well(lane.source)

    def _target_trouble(self, target: str, error: LaneError) -> None:
        is_full = isinstance(error, LaneRefused) and error.refusal == FULL
        if not (is_full and self.pauses.too_many(target)):
            self._trouble(target, error)

    def _trouble(self, party: Party, error: LaneError) -> None:
        self._watch.trouble(error)
        refused = error if isinstance(error, LaneRefused) else None
        code = error.code if refused is None else refused.refusal
        after_s = None if refused is None else refused.retry_after_s
        self.pauses.trouble(party, code, str(error), asyncio.get_running_loop().time(), after_s)


def _name(party: Party) -> str:
    return party if isinstance(party, str) else party.shard

"""The shell of the detector: logs in, commands out. The only clock here paces and measures.

Of several detectors one leads, so that a deadlock costs one set of barriers: whoever broke the last one, as the log
has it. The others hold their barriers back for a moment, after which they are mostly wanted no more; if the leader is
gone, the next deadlock takes that moment longer, and has another leader.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from streams.domain.locks.events import LockWaitAborted
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import LogTail
from streams.processes.deadlocks.detector import Abort, Counts, DeadlockDetector, Effect, SendBarrier
from streams.processes.deadlocks.ports import CommandLane
from streams.processes.follower import RETRY_S, Follower
from streams.processes.identity import Identity
from streams.processes.lane import LaneError, LaneUnavailable

REFUSED_RETRY_S = 5.0
HOLD_BACK_S = 0.1
"""How long those wait who do not lead: what breaking a deadlock takes, on a busy machine."""
_T = TypeVar("_T")


class Watch(Protocol):
    """Whoever counts and logs."""

    def counted(self, counts: Counts) -> None:
        """What became of the circles so far."""

    def aborted(self, abort: Abort, ended: bool, after_s: float) -> None:
        """An abort was answered, so long after the circle was seen; `ended`: it is what ended the wait."""

    def trouble(self, error: Exception) -> None:
        """Something has to be tried again."""


class DeadlockProcess(Follower):
    """Tails the logs, feeds the detector, and does what it says until that is done or matters no more."""

    def __init__(
        self,
        detector: DeadlockDetector,
        me: Identity,
        readers: Iterable[CommitReader],
        tail: LogTail,
        lane: CommandLane,
        watch: Watch,
    ) -> None:
        super().__init__(readers, tail, watch.trouble)
        self.detector = detector
        self.leads = True
        """Whether the last deadlock in the logs was broken by this process, or none was yet."""
        self._me = me
        self._own = f"{me.tenant}/"
        self._lane = lane
        self._watch = watch
        self._seen_s: dict[int, float] = {}
        """When each candidate was seen first."""

    async def run(self) -> None:
        """Work until cancelled.

        Raises, in a group, `LogHalt` or `SchemaError` where this release cannot read on, and `LookupError` where the
        log does not fit what the detector began with.
        """
        async with asyncio.TaskGroup() as effects:
            self._act(self.detector.look(), effects)
            async for batch in self.batches():
                for accepted in batch:
                    self._fold_commit(accepted)
                self._act(self.detector.look(), effects)

    def _fold_commit(self, accepted: AcceptedCommit) -> None:
        own, changes, events = self._own, [], accepted.number - 1
        for one in accepted.decided:
            events += len(one.events)
            if one.events and one.decision.key.startswith(own):
                changes += [(one.decision.key, event) for event in one.events]
                if LockWaitAborted in map(type, one.events):
                    self.leads = one.decision.client == self._me.client
        self.detector.fold(accepted.where, events, changes)

    def _act(self, effects: Iterable[Effect], group: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time()
        for effect in effects:
            self._seen_s.setdefault(effect.candidate, now)
            doing = (
                self._send_barrier(effect, group) if isinstance(effect, SendBarrier) else self._abort(effect)
            )
            group.create_task(doing)
        if len(self._seen_s) > len(self.detector.candidates):
            self._seen_s = {each: s for each, s in self._seen_s.items() if each in self.detector.candidates}
        self._watch.counted(self.detector.counts)

    async def _send_barrier(self, barrier: SendBarrier, group: asyncio.TaskGroup) -> None:
        if not self.leads:
            await asyncio.sleep(HOLD_BACK_S)
        number = await self._insist(barrier, lambda: self._lane.barrier(barrier.where))
        if number is not None:
            self._act(self.detector.passed(barrier, number), group)

    async def _abort(self, abort: Abort) -> None:
        seen_s = self._seen_s[abort.candidate]
        ended = await self._insist(abort, lambda: self._lane.abort(abort.name, abort.ticket, abort.cycle))
        if ended is not None:
            self._watch.aborted(abort, ended, asyncio.get_running_loop().time() - seen_s)

    async def _insist(self, effect: Effect, send: Callable[[], Awaitable[_T]]) -> _T | None:
        """Send until it is answered, or until the detector wants it no more."""
        while self.detector.wants(effect):
            try:
                return await send()
            except LaneError as error:
                self._watch.trouble(error)
                await asyncio.sleep(RETRY_S if isinstance(error, LaneUnavailable) else REFUSED_RETRY_S)
        return None

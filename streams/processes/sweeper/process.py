"""The shell of the sweeper: logs in, commands out. The only clock here paces and measures.

Killed at any point, the logs say where to go on: a session is unswept until its node has heard otherwise, and telling
a partition again changes nothing.

Every partition has a worker of its own here, with a few commands under way at once. So a mass sweep goes through all
partitions side by side, leaves their owners room for everybody else's commands, and records sweeps all along, which
is what keeps other sweepers back.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from streams.domain.nodes.commands import PullBrake
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import LogTail
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.processes.follower import Follower
from streams.processes.identity import Identity
from streams.processes.lane import LaneError, LaneRefused
from streams.processes.sweeper.log_time import LogTime
from streams.processes.sweeper.ports import SessionLane
from streams.processes.sweeper.sweeper import FOLDED, Seen, Sweeper
from streams.processes.sweeper.sweeps import Sweep

MAX_UNDER_WAY = 1024
"""Commands on their way at once, over all partitions."""
MAX_A_PARTITION = 32
"""Of those, to one partition: what its owner decides in a few milliseconds."""
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
LOOKED_AT = frozenset({"tidelock.wire.SessionEnded", *(f"tidelock.nodes.{each.__name__}" for each in FOLDED)})
"""All others, most of all heartbeats, it need not decode."""
NO_MASS = "BELOW_FRACTION"


class Watch(Protocol):
    """Whoever counts and logs."""

    def swept(self, sweep: Sweep, partitions: int, after_s: float) -> None:
        """A session was ended everywhere, so long after its end was seen; or one that never was, where it was used."""

    def mass_failure(self, pull: PullBrake, pulled: bool) -> None:
        """So many nodes died at once, and the brake has heard of it."""

    def state(self, state: "SweeperState") -> None:
        """What waits, and for what."""

    def trouble(self, error: Exception) -> None:
        """Something has to be tried again."""


@value
class SweeperState:
    """How it stood when it last looked."""

    unswept: int = 0
    """Sessions that ended and are not swept."""
    held: int = 0
    """Of those: kept by the brake."""
    pulled: bool = False
    looms: bool = False
    """Sessions are held though the brake is not pulled: a mass failure looms, or not all logs are read yet."""
    claims: int = 0
    """Instances whose session is looked for."""
    nodes: int = 0
    """Those with a live session."""
    suspected: int = 0
    """Of those: silent for half their timeout when it was last told."""
    waited_for: tuple[tuple[PartitionId, str], ...] = ()
    """Partitions that do not answer, with the code of the trouble."""


class SweeperProcess(Follower):
    """Tails the logs of nodes and ends sessions everywhere."""

    def __init__(
        self,
        me: Identity,
        words: Vocabulary,
        readers: Sequence[CommitReader],
        tail: LogTail,
        lane: SessionLane,
        watch: Watch,
        partitions: Sequence[PartitionId],
    ) -> None:
        """`readers`: of all partitions of nodes. `partitions`: of all kinds, the most urgent first."""
        super().__init__(readers, tail, watch.trouble)
        begun = {reader.where: reader.checkpoint.events for reader in readers}
        self.sweeper = Sweeper(me, partitions, begun)
        self.state = SweeperState()
        """May be read by any thread."""
        self._tenant = me.tenant
        self._words = words
        self._lane = lane
        self._watch = watch
        self._limit = max(1, min(MAX_A_PARTITION, MAX_UNDER_WAY // max(1, len(partitions))))
        self._time = LogTime()
        self._bells = {where: asyncio.Event() for where in partitions}
        self._troubled: dict[PartitionId, str] = {}
        self._news = asyncio.Event()

    @property
    def leads(self) -> bool:
        """Whether the last sweep in the logs was recorded by this process, or none was yet."""
        return self.sweeper.leads

    async def run(self) -> None:
        """Work until cancelled. Raises, in a group, `LogHalt` or `SchemaError` where this release cannot read on."""
        async with asyncio.TaskGroup() as group:
            for where in self.readers:
                group.create_task(self._find_end(where))
            for where in self.sweeper.sweeps.partitions:
                group.create_task(self._serve(where))
            group.create_task(self._keep_acting(group))
            async for batch in self.batches():
                for accepted in batch:
                    self._fold_commit(accepted)
                if self._act(group) is not None:
                    self._news.set()

    def _fold_commit(self, accepted: AcceptedCommit) -> None:
        words, where, now_s = self._words, accepted.where, asyncio.get_running_loop().time()
        at_ms = self._time.at(where, accepted.time_ms, accepted.commit.lease_ms)
        events = accepted.number - 1
        for decision in accepted.commit.decisions:
            events += len(decision.events)
            if decision.tenant != self._tenant:
                continue
            for data in decision.events:
                if words.event_name(data) in LOOKED_AT:
                    self._fold_event(where, decision, data, at_ms, now_s)
        self.sweeper.read(where, events, self.readers[where].generation, at_ms)

    def _fold_event(
        self, where: PartitionId, decision: LoggedDecision, data: bytes, at_ms: int, now_s: float
    ) -> None:
        seen = Seen(where, decision.key, decision.client, at_ms, now_s)
        self.sweeper.fold(seen, self._words.decode_event(data))

    def _act(self, group: asyncio.TaskGroup) -> float | None:
        """Do what follows from all that is known by now; return when to look again, if only time is missing."""
        sweeper, now_s = self.sweeper, asyncio.get_running_loop().time()
        pull = sweeper.judge(now_s)
        if pull is not None:
            group.create_task(self._pull(pull))
        next_s = sweeper.look(now_s)
        self._ring()
        self._stand()
        return next_s

    def _ring(self) -> None:
        stirred = self.sweeper.sweeps.stirred
        for where in stirred:
            self._bells[where].set()
        stirred.clear()

    def _stand(self) -> None:
        sweeper = self.sweeper
        pulled = sweeper.failures.brake.pulled
        self.state = SweeperState(
            len(sweeper.sweeps), sweeper.held, pulled, sweeper.holds and not pulled, len(sweeper.claims),
            sweeper.nodes, sweeper.failures.suspected, tuple(self._troubled.items()),
        )  # fmt: skip
        self._watch.state(self.state)

    async def _keep_acting(self, group: asyncio.TaskGroup) -> None:
        """Act when it is time, and on news that are not in the logs."""
        while True:
            self._news.clear()
            next_s = self._act(group)
            try:
                async with asyncio.timeout_at(next_s):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _find_end(self, where: PartitionId) -> None:
        """Find out how far a log has to be read before its partition's ends of sessions count."""
        reading, pause_s = self.sweeper.reading, FIRST_PAUSE_S
        while True:
            try:
                reading.stood(where, await self._lane.barrier(where))
            except LaneError as error:
                self._watch.trouble(error)
                reading.no_answer(where)
            else:
                break
            finally:
                self._news.set()
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _pull(self, pull: PullBrake) -> None:
        """Tell the brake until it has heard; meanwhile sessions that ended by silence wait."""
        failures = self.sweeper.failures
        while failures.asked is pull:
            try:
                pulled = await self._lane.pull(pull)
            except LaneError as error:
                if isinstance(error, LaneRefused) and error.refusal == NO_MASS:
                    failures.refused()
                    break
                self._watch.trouble(error)
                await asyncio.sleep(FIRST_PAUSE_S)
            else:
                self._watch.mass_failure(pull, pulled)
                failures.answered(pulled=pulled)
                break
        self._news.set()

    async def _serve(self, where: PartitionId) -> None:
        """Tell one partition what is in its line, a few at a time."""
        bell, pause_s = self._bells[where], FIRST_PAUSE_S
        while True:
            bell.clear()
            batch = self.sweeper.take(where, self._limit)
            if not batch:
                await bell.wait()
                continue
            done = await asyncio.gather(*[self._tell(where, sweep) for sweep in batch])
            self._ring()
            failed = [sweep for sweep, is_done in zip(batch, done, strict=True) if not is_done]
            self.sweeper.sweeps.again(where, failed)
            if failed:
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            else:
                self._troubled.pop(where, None)
                pause_s = FIRST_PAUSE_S

    async def _tell(self, where: PartitionId, sweep: Sweep) -> bool:
        """Tell the partition, or, when all know, the session's node. Return whether it is done."""
        try:
            if sweep.untold:
                await self._let_go(where, sweep)
                self.sweeper.sweeps.told(sweep)
                if sweep.claim is not None:
                    self._swept(sweep, 1)
            else:
                partitions = len(self.sweeper.sweeps.partitions)
                recorded = await self._lane.swept(sweep.session, partitions)
                self.sweeper.sweeps.end(sweep.session)
                if recorded:
                    self._swept(sweep, partitions)
        except LaneError as error:
            self._troubled[where] = getattr(error, "refusal", "") or error.code
            self._watch.trouble(error)
            return False
        return True

    async def _let_go(self, where: PartitionId, sweep: Sweep) -> None:
        if sweep.claim is None:
            await self._lane.end(where, sweep.session, sweep.cause)
        else:
            await self._lane.evict(sweep.claim, sweep.cause)

    def _swept(self, sweep: Sweep, partitions: int) -> None:
        self._watch.swept(sweep, partitions, asyncio.get_running_loop().time() - sweep.seen_s)
        self._news.set()

"""Nodes on two partitions, decided by the real decider, and partitions of other kinds that end sessions.

Every EndSession and SweepDone is checked as it comes: no live session is ended, none is swept that is not ended
everywhere. Sweepers tail the logs of nodes, over lanes that fail as they like.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from schemas.meta import CommandMeta
from streams.domain.decider import TIMER, Context, Rejected, Requester, Tick
from streams.domain.nodes import commands as c
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.names import PLATFORM, node_of
from streams.domain.nodes.node import Node
from streams.domain.session import SESSION_ENDED, SessionGone
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision, Record
from streams.log.vocabulary import Vocabulary
from streams.processes.identity import Identity
from streams.processes.lane import LaneRefused, LaneUnavailable
from streams.processes.start import begin_at_the_start
from streams.processes.sweeper.claims import Claim
from streams.processes.sweeper.process import SweeperProcess, SweeperState
from streams.processes.sweeper.sweeps import Sweep
from streams.wire.keys import place
from streams.wire.messages import Done, EndSession, SessionEnded
from tests.unit.nodes.spec import REGISTRATION, SERVICE, offer
from tests.unit.replay.logbook import FAR_MS, Logbook

WORDS = Vocabulary(NODES)
HOMES = (PartitionId("nodes", 0), PartitionId("nodes", 1))
OTHERS = (PartitionId("locks", 0), PartitionId("locks", 1), PartitionId("queues", 0))
EVERYWHERE = (*OTHERS, *HOMES)
TIMEOUT_MS = REGISTRATION.timeout_ms


def home_of(name: str) -> PartitionId:
    """Return the partition of a key of nodes."""
    return PartitionId("nodes", place("dev", name, len(HOMES))[2])


class Home(Logbook):
    """The log of one partition of nodes. Lease time is the world's, append timestamps are that but for `skew_ms`."""

    def __init__(self, world: World) -> None:
        super().__init__("nodes")
        self._world = world
        self.number = 0
        """Of the last event."""

    def write(self, record: Record | bytes) -> Home:
        super().write(record)
        self.records[-1] = replace(self.records[-1], timestamp_ms=self._world.now + self._world.skew_ms)
        return self


class World:
    """All partitions. Its clock moves when it is told to."""

    def __init__(self) -> None:
        self.now = 10_000_000
        self.skew_ms = 0
        """What the broker's clock is off."""
        self.books = {where: Home(self) for where in HOMES}
        for book in self.books.values():
            book.begun()
        self.states: dict[str, Any] = {}
        self.ended: dict[PartitionId, list[str]] = {where: [] for where in EVERYWHERE}
        """Sessions by the partitions that have an event of their end, in their order."""
        self.gone: list[str] = []
        """Sessions that ended, in their order."""
        self.issued: list[str] = []
        self.down: set[PartitionId] = set()
        """Partitions without an owner."""
        self.changed = asyncio.Event()
        self._sequence = 0

    def do(
        self,
        command: Any,
        client: str = "app",
        session: str = "",
        principal: str = "app",
        roles: tuple[str, ...] = (),
    ) -> Any:
        """Decide a command to a key of nodes; return the answer. Raises `LaneRefused`."""
        name = NODES.key_of(command)
        if session in self.ended[home_of(name)]:
            raise LaneRefused(SESSION_ENDED.message, SESSION_ENDED.code)
        if isinstance(command, c.SweepDone):
            missing = [where for where in EVERYWHERE if command.session not in self.ended[where]]
            assert not missing, f"{command.session} is not ended in {missing}"
        reply = self._decide(
            name, command, Requester(principal, client, "1", self._sequence + 1, session, roles)
        )
        if isinstance(reply, Rejected):
            raise LaneRefused(reply.message, reply.code)
        return reply

    def end(self, command: EndSession, client: str) -> Done:
        """Do as the engine does with EndSession."""
        where, session = PartitionId(command.kind, command.partition), command.ended
        node = self.states.get(f"dev/{node_of(session)}")
        assert not isinstance(node, Node) or node.member is None or node.member.session != session, session
        if session in self.ended[where]:
            return Done()
        self.ended[where].append(session)
        if where in self.books:
            event = SessionEnded(session, FAR_MS, command.cause)
            self._log(where, "", command, Requester("sweeper", client, "", 1), (event,), None)
            for key in [key for key in self.states if home_of(key.removeprefix("dev/")) == where]:
                if session in NODES.decider.sessions_of(self.states[key]):  # type: ignore[attr-defined]
                    self._decide(key.removeprefix("dev/"), SessionGone(session, command.cause), TIMER)
        return Done()

    def end_of_another_tenant(self, where: PartitionId, session: str) -> None:
        """Have a partition log that another tenant's session ended, which is called like that."""
        command, event = (
            EndSession(where.kind, where.partition, session, "LEFT 1"),
            SessionEnded(session, FAR_MS, ""),
        )
        self._log(where, "", command, Requester("sweeper", "theirs", "", 1), (event,), None, "other")

    def pass_time(self, by_ms: int) -> None:
        """Let time pass, and the owners' timers look at every key that is due."""
        self.now += by_ms
        for key in list(self.states):
            due = NODES.decider.next_deadline(self.states[key])
            if due is not None and due <= self.now:
                self._decide(key.removeprefix("dev/"), Tick(), TIMER)

    def _decide(self, name: str, command: Any, who: Requester) -> Any:
        key, where = f"dev/{name}", home_of(name)
        state = self.states.get(key, NODES.decider.initial(key))
        context = Context(self.now, 0, self.books[where].number + 1)
        decision = NODES.decider.decide(command, who, state, context)
        for event in decision.events:
            state = NODES.decider.evolve(state, event)
        self.states[key] = state
        self._log(where, key, command, who, decision.events, decision.reply)
        for event in decision.events:
            if type(event).__name__ in {"NodeDied", "NodeLeft"}:
                self.gone.append(event.session)
            if type(event).__name__ == "NodeRegistered":
                self.issued.append(event.session)
                assert not any(event.session in ended for ended in self.ended.values()), event.session
        return decision.reply

    def _log(
        self,
        where: PartitionId,
        key: str,
        command: Any,
        who: Requester,
        events: tuple[Any, ...],
        reply: Any,
        tenant: str = "dev",
    ) -> None:
        book = self.books[where]
        self._sequence += 1
        meta = CommandMeta(1, tenant, who.client, self._sequence, who.handle, 0, FAR_MS)
        asked = bool(who.client)
        made = LoggedDecision(
            "DIRECT" if asked else "TIMER", who.principal, meta, f"{self._sequence}".encode() if asked else b"",
            type(command).__name__, key, False, tuple(map(WORDS.encode_event, events)),
            WORDS.encode_reply(Done() if reply is None else reply) if asked else b"",
        )  # fmt: skip
        book.number += len(events)
        book.commit(made, lease_ms=self.now)
        self.changed.set()

    # -- what tests do with it -------------------------------------------------------------------------------

    def join_ours(self, name: str) -> str:
        """Register one of the platform's own processes; return its session."""
        registration = replace(REGISTRATION, labels=(c.Label(PLATFORM, "true"),))
        session: str = self.do(c.RegisterNode(name, registration, ""), roles=("SYSTEM",)).session
        return session

    def join(self, name: str, client: str = "app", replaces: str = "", timeout_ms: int = TIMEOUT_MS) -> str:
        """Register a node; return its session."""
        registration = replace(REGISTRATION, timeout_ms=timeout_ms)
        session: str = self.do(c.RegisterNode(name, registration, replaces), client).session
        return session

    def beat(self, *sessions: str, client: str = "app") -> None:
        """Have nodes be heard."""
        for session in sessions:
            self.do(c.Heartbeat(node_of(session), session, 1, "PASSING"), client)

    def offer(self, session: str, instance: str = "i1", service: str = SERVICE) -> None:
        """Offer a service."""
        self.do(replace(offer(instance), service=service), session=session)

    def live(self) -> dict[str, str]:
        """Return the live sessions by node."""
        nodes = [state for state in self.states.values() if isinstance(state, Node)]
        return {node.member.name: node.member.session for node in nodes if node.member is not None}

    def unswept(self) -> list[str]:
        """Return the sessions that nodes still have to see swept."""
        nodes = [state for state in self.states.values() if isinstance(state, Node)]
        return [ended.session for node in nodes for ended in node.past.unswept]

    def ended_everywhere(self, session: str) -> bool:
        """Say whether all partitions know that it ended."""
        return all(session in ended for ended in self.ended.values())

    def untouched(self, session: str) -> bool:
        """Say whether no partition knows that it ended."""
        return not any(session in ended for ended in self.ended.values())

    @property
    def brake(self) -> Any:
        return self.states.get("dev/brake", NODES.decider.initial("dev/brake"))


class WorldTail:
    """The logs as a tail, a few records of a partition at a time."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random

    async def read(
        self, starts: Mapping[PartitionId, int]
    ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
        """Yield what comes, for ever."""
        at = dict(starts)
        while True:
            found = {
                where: self._world.books[where].records[start : start + 5] for where, start in at.items()
            }
            ready = [where for where, records in found.items() if records]
            if ready:
                where = self._random.choice(ready)
                at[where] += len(found[where])
                yield {where: found[where]}
                await asyncio.sleep(0)
            else:
                self._world.changed.clear()
                await self._world.changed.wait()


class WorldLane:
    """Sends commands into the world. Some get lost on their way, of some the answer; `trouble`: of 100."""

    def __init__(self, world: World, client: str, random: Random, trouble: int) -> None:
        self._world = world
        self._client = client
        self._random = random
        self._trouble = trouble
        self.sent = 0
        self.dies_after: int | None = None
        """So many commands reach a partition; the process hangs before the next, or before its answer."""

    @property
    def is_dead(self) -> bool:
        return self.dies_after is not None and self.sent > self.dies_after

    async def barrier(self, where: PartitionId) -> int:
        return int(await self._do(where, lambda: self._world.books[where].number + 1))

    async def end(self, where: PartitionId, session: str, cause: str) -> None:
        command = EndSession(where.kind, where.partition, session, cause)
        await self._do(where, lambda: self._world.end(command, self._client))

    async def evict(self, claim: Claim, why: str) -> None:
        command = c.EvictInstance(claim.service, claim.instance, why, claim.session)
        await self._do(
            claim.where, lambda: self._world.do(command, self._client, principal="sweeper", roles=("SYSTEM",))
        )

    async def swept(self, session: str, partitions: int) -> bool:
        command = c.SweepDone(node_of(session), session, partitions)
        home = home_of(node_of(session))
        reply = await self._do(home, lambda: self._world.do(command, self._client, principal="sweeper"))
        return bool(reply.recorded)

    async def pull(self, pull: c.PullBrake) -> bool:
        home = home_of("brake")
        reply = await self._do(home, lambda: self._world.do(pull, self._client, principal="sweeper"))
        return bool(reply.pulled)

    async def _do(self, where: PartitionId, command: Any) -> Any:
        await self._wander()
        if where in self._world.down or self._random.randrange(100) < self._trouble:
            raise LaneUnavailable("lost on its way")
        self.sent += 1
        if self.is_dead and self._random.random() < 0.5:
            await asyncio.Event().wait()
        reply = command()
        if self.is_dead:
            await asyncio.Event().wait()
        await self._wander()
        if self._random.randrange(100) < self._trouble:
            raise LaneUnavailable("its answer was lost")
        return reply

    async def _wander(self) -> None:
        for _ in range(self._random.randrange(4)):
            await asyncio.sleep(0)


class News:
    """What a sweeper tells."""

    def __init__(self) -> None:
        self.sweeps: list[Sweep] = []
        self.alarms: list[tuple[c.PullBrake, bool]] = []
        self.states: list[SweeperState] = []
        self.troubles: list[str] = []

    def swept(self, sweep: Sweep, partitions: int, after_s: float) -> None:
        assert partitions > 0 and after_s >= 0
        self.sweeps.append(sweep)

    def mass_failure(self, pull: c.PullBrake, pulled: bool) -> None:
        self.alarms.append((pull, pulled))

    def state(self, state: SweeperState) -> None:
        self.states.append(state)

    def trouble(self, error: Exception) -> None:
        self.troubles.append(getattr(error, "refusal", "") or type(error).__name__)


def sweeper(
    world: World, client: str = "s1", random: Random | None = None, trouble: int = 0
) -> tuple[SweeperProcess, News, WorldLane]:
    """Return a sweeper that begins at the start of the logs."""
    news, random = News(), random or Random(1)
    lane = WorldLane(world, client, random, trouble)
    readers = begin_at_the_start(HOMES, WORDS)
    me = Identity("dev", client)
    made = SweeperProcess(me, WORDS, readers, WorldTail(world, random), lane, news, EVERYWHERE)
    return made, news, lane

"""Planted bugs of the roster, the connections, the topic lane, and of decisions that fit no commit."""

import asyncio
from typing import Any

from streams.engine import draft
from streams.engine.owner import Owner
from streams.engine.roster import Roster
from streams.engine.topic_lane import TopicLane
from streams.log.letters import DeadLetter
from streams.log.ports import LogUnavailable
from tests.simulation.log import VirtualDeadLetters
from tests.simulation.mutants.mutant import Mutant


def _waits_for_room(_: int) -> Exception:
    """A commit with more room will come."""
    return draft.NoRoom()


class _Careless:
    """Dead letters that are not worth a retry."""

    def __init__(self, letters: Any) -> None:
        self._letters = letters

    async def put(self, *letter: Any) -> None:
        try:
            await self._letters.put(*letter)
        except LogUnavailable:
            return


class _CarelessPorts:
    def __init__(self, ports: Any) -> None:
        self.commands, self.dead_letters = ports.commands, _Careless(ports.dead_letters)


_lane = TopicLane.__init__


def _careless(self: Any, where: Any, vocabulary: Any, ports: Any, *rest: Any) -> None:
    careless: Any = _CarelessPorts(ports)
    _lane(self, where, vocabulary, careless, *rest)


async def _poison(_: Any, letter: DeadLetter) -> None:
    raise LogUnavailable(f"{letter.place} cannot be copied, ever")


def _ignored(_: Any, task: "asyncio.Task[None]") -> None:
    """Look at it, lest anybody complain."""
    _ = task.cancelled() or task.exception()


def _unsupervised(_: Any, __: Any, task: "asyncio.Task[None]") -> None:
    _ = task.cancelled() or task.exception()


_assigned, _submit = Roster.assigned, Roster.submit


async def _first_routes(self: Any, mine: Any, routes: Any) -> None:
    await _assigned(self, mine, self._routes or routes)


def _first_stays(self: Any, connection: Any) -> None:
    self._connections.setdefault((connection.identity.principal, connection.client), connection)


def _to_the_first(self: Any, where: Any, pending: Any) -> None:
    if pending.reply_to is not None:
        who = (pending.who.principal, pending.meta.client)
        pending.reply_to = self._connections.get(who, pending.reply_to)
    _submit(self, where, pending)


LANES = (
    Mutant(
        "decision of any size",
        "a decision that fits no commit is logged all the same, not refused as INTERNAL",
        lambda: [(draft, "MAX_DECISION_BYTES", 10**9)],
    ),
    Mutant(
        "room for everything",
        "a decision that fits no commit waits for one that has room",
        lambda: [(draft, "DecisionTooLarge", _waits_for_room)],
    ),
    Mutant(
        "dead letter skipped",
        "an undecodable command whose copy failed is decided",
        lambda: [(TopicLane, "__init__", _careless)],
        first_history=285,
    ),
    Mutant(
        "poison dead letter",
        "a copy that fails for ever holds up all commands behind it",
        lambda: [(VirtualDeadLetters, "put", _poison)],
        first_history=39,
    ),
    Mutant(
        "topic lane dies silently",
        "an owner goes on without its topic lane",
        lambda: [(Owner, "_topic_ended", _ignored)],
        first_history=312,
    ),
    Mutant(
        "owner dies silently",
        "an owner that ended unasked has no successor",
        lambda: [(Roster, "_ended", _unsupervised)],
        first_history=44,
    ),
    Mutant(
        "stale redirects",
        "a worker sends clients for ever to the owner it first heard of",
        lambda: [(Roster, "assigned", _first_routes)],
    ),
    Mutant(
        "answer to the older connection",
        "a client's older connection gets what its newer one asked for",
        lambda: [(Roster, "connected", _first_stays), (Roster, "submit", _to_the_first)],
    ),
    Mutant(
        "push to the older connection",
        "a client's older connection gets its pushes",
        lambda: [(Roster, "connected", _first_stays)],
    ),
)

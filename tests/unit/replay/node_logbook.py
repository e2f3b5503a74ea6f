"""A partition's log of nodes, services and the brake, decided by the real decider."""

from __future__ import annotations

from typing import Any

from schemas.meta import CommandMeta
from streams.domain.decider import TIMER, Context, Requester, Tick
from streams.domain.nodes import decider
from streams.domain.nodes.heartbeat import Heartbeats, join
from streams.domain.nodes.kind import NODES
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from tests.unit.replay.logbook import FAR_MS, Logbook

WHERE = PartitionId("nodes", 0)
WORDS = Vocabulary(NODES)
EPOCH_MS = 1_600_000_000_000
"""Append time of lease time 0."""


class NodeBook:
    """Each command is a commit. Generation 0: the token of an event is its number."""

    def __init__(self, tenant: str = "dev") -> None:
        self.tenant = tenant
        self.records: list[Stored] = []
        self._book = Logbook("nodes").begun()
        self._states: dict[str, Any] = {}
        self._number = 1
        self._keep(0)

    def do(self, command: Any, lease_ms: int = 0, client: str = "a", session: str = "") -> NodeBook:
        """Decide a command."""
        return self._decide(NODES.key_of(command), command, lease_ms, client, session)

    def hear(self, *beats: Any, lease_ms: int = 0) -> NodeBook:
        """Decide heartbeats together, as the engine does."""
        joint: Heartbeats = join(tuple((self._who("a", ""), each) for each in beats))
        return self._decide(NODES.key_of(joint), joint, lease_ms, "", "")

    def tick(self, name: str, lease_ms: int) -> NodeBook:
        """Let a key's timer run."""
        return self._decide(name, Tick(), lease_ms, "", "")

    def _who(self, client: str, session: str) -> Requester:
        return Requester("alice", client, "1", 1, session)

    def _decide(self, name: str, command: Any, lease_ms: int, client: str, session: str) -> NodeBook:
        key = f"{self.tenant}/{name}"
        who = self._who(client, session) if client else TIMER
        decision = decider.decide(command, who, self._state(key), Context(lease_ms, 0, self._number))
        for event in decision.events:
            spread = NODES.event_keys.get(type(event))
            for each in (key,) if spread is None else spread(self.tenant, event):
                self._states[each] = decider.evolve(self._state(each), event)
        self._number += len(decision.events)
        meta = CommandMeta(1, self.tenant, client, self._number, "1", 0, FAR_MS)
        reply = b"" if isinstance(command, Tick) else WORDS.encode_reply(decision.reply)
        events = tuple(map(WORDS.encode_event, decision.events))
        lane: Any = "DIRECT" if client else "TIMER"
        self._book.commit(
            LoggedDecision(lane, who.principal, meta, b"", type(command).__name__, key, False, events, reply),
            lease_ms=lease_ms,
        )
        self._keep(lease_ms)
        return self

    def _state(self, key: str) -> Any:
        return self._states.get(key, decider.initial(key))

    def _keep(self, lease_ms: int) -> None:
        for record in self._book.records[len(self.records) :]:
            self.records.append(Stored(record.offset, EPOCH_MS + lease_ms, record.value))


class Topic:
    """A log in memory, read record by record."""

    def __init__(self, records: list[Stored]) -> None:
        self.records = records

    async def bounds(self) -> tuple[int, int]:
        return 0, len(self.records)

    async def read(self, start: int, end: int | None = None) -> Any:
        for record in self.records[start:end]:
            yield [record]

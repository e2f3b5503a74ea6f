"""A partition's log of any kind, decided by its real decider, command by command."""

from __future__ import annotations

from typing import Any, Self

from schemas.meta import CommandMeta
from streams.domain.decider import TIMER, Context, Requester, Tick
from streams.domain.session import SessionGone
from streams.log.ports import Stored
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from tests.unit.replay.logbook import FAR_MS, Logbook

EPOCH_MS = 1_600_000_000_000
"""Append time of lease time 0."""


class DecidedBook:
    """Each command is a commit. Generation 0: the token of an event is its number."""

    def __init__(self, words: Vocabulary, tenant: str = "dev") -> None:
        self.tenant = tenant
        self.records: list[Stored] = []
        self.reply: Any = None
        """Of the last command."""
        self._words, self._kind = words, words.kind
        self._book = Logbook(self._kind.name).begun()
        self._states: dict[str, Any] = {}
        self._number = 1
        self._sequence = 0
        self._keep(0)

    def do(self, command: Any, lease_ms: int = 0, client: str = "a", session: str = "") -> Self:
        """Decide a command."""
        return self.decide(self._kind.key_of(command), command, lease_ms, self.who(client, session))

    def tick(self, name: str, lease_ms: int) -> Self:
        """Let a key's timer run."""
        return self.decide(name, Tick(), lease_ms, TIMER)

    def gone(self, name: str, session: str, lease_ms: int, cause: str = "SILENT 9") -> Self:
        """Tell a key that a session has ended."""
        return self.decide(name, SessionGone(session, cause), lease_ms, TIMER)

    def who(self, client: str, session: str = "") -> Requester:
        """Return who asks next."""
        self._sequence += 1
        return Requester("alice", client, "1", self._sequence, session)

    def decide(self, name: str, command: Any, lease_ms: int, who: Requester) -> Self:
        """Decide anything for a key of this name, and fold it."""
        key, decider = f"{self.tenant}/{name}", self._kind.decider
        decision = decider.decide(command, who, self.state(key), Context(lease_ms, 0, self._number))
        for event in decision.events:
            spread = self._kind.event_keys.get(type(event))
            for each in (key,) if spread is None else spread(self.tenant, event):
                self._states[each] = decider.evolve(self.state(each), event)
        self._number += len(decision.events)
        self.reply = decision.reply
        meta = CommandMeta(1, self.tenant, who.client, who.sequence, who.handle, 0, FAR_MS)
        reply = self._words.encode_reply(decision.reply) if who.client else b""
        events = tuple(map(self._words.encode_event, decision.events))
        lane: Any = "DIRECT" if who.client else "TIMER"
        self._book.commit(
            LoggedDecision(
                lane, who.principal, meta, b"", type(command).__name__, key, decision.waiting, events, reply
            ),
            lease_ms=lease_ms,
        )
        self._keep(lease_ms)
        return self

    def state(self, key: str) -> Any:
        """Return the state of a key."""
        return self._states.get(key, self._kind.decider.initial(key))

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

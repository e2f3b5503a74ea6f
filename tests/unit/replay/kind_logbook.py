"""Logs of any kind written by hand, event by event. Generation 0: the token of an event is its number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Self

from schemas.meta import CommandMeta
from streams.domain.kind import KindSpec
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.verify import verify
from streams.wire.messages import Done, SessionEnded
from tests.unit.replay.logbook import FAR_MS, Logbook


class KindBook(Logbook):
    """One partition's log of a kind in the making."""

    def __init__(self, kind: KindSpec, words: Vocabulary | None = None) -> None:
        super().__init__(kind.name)
        self.words = words or Vocabulary(kind)
        self.number = 0
        """Of the last event."""
        self._sequence = 0
        self._lease_ms = 0

    def begun(self) -> Self:
        """Genesis and a first claim."""
        super().begun()
        return self

    def did(
        self, name: str, *events: Any, reply: Any = None, client: str = "a", command: str = "",
        at: int | None = None, principal: str = "app", session: str | None = None, waiting: bool = False,
        deadline_ms: int = FAR_MS, tenant: str = "dev",
    ) -> Self:  # fmt: skip
        """One decision of one client on the key `name`, at lease time `at`, else at that of the last one."""
        self._sequence += 1
        meta = CommandMeta(1, tenant, client, self._sequence, "1", 0, deadline_ms, session=session)
        answer = b"" if reply is None and not client else self.words.encode_reply(reply or Done())
        lane: Any = "DIRECT" if client else "TIMER"
        hashed = f"{client}{self._sequence}".encode() if client else b""
        self.number += len(events)
        made = LoggedDecision(
            lane, principal if client else "", meta, hashed, command or ("Any" if client else "Tick"),
            f"{tenant}/{name}" if name else "", waiting, tuple(map(self.words.encode_event, events)), answer,
        )  # fmt: skip
        self._lease_ms = self._lease_ms if at is None else at
        self.commit(made, lease_ms=self._lease_ms)
        return self

    def timer(self, name: str, *events: Any, at: int | None = None) -> Self:
        """One decision of the owner's timer."""
        return self.did(name, *events, client="", at=at)

    def ended(self, session: str, tenant: str = "dev", forget_ms: int = FAR_MS) -> Self:
        """The end of a session, as the sweeper tells it."""
        event = SessionEnded(session, forget_ms, "SILENT 9")
        return self.did("", event, client="sweeper", command="EndSession", tenant=tenant)

    def verified(self) -> Report:
        return verify(PartitionId(self.kind, 0), self.words, self.records)

    async def bounds(self) -> tuple[int, int]:
        """As a reader of the log."""
        return 0, len(self.records)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        """As a reader of the log."""
        yield self.records[start:end]

"""A partition's log of the cache `prices`, decided by the real decider: clients by their names, tokens as they come."""

from __future__ import annotations

from typing import Any

from streams.domain.caches import commands as c
from streams.domain.caches.kind import CACHES
from streams.domain.caches.settings import CacheSettings
from streams.log.accepted import CommitReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.caches.entry import EntryChronicle
from streams.replay.caches.steps import Step
from tests.unit.replay.decided_book import DecidedBook

WHERE = PartitionId("caches", 0)
WORDS = Vocabulary(CACHES)
NAME = "prices"
LEASE = 10_000
SETTINGS = CacheSettings("STRICT", "BACK", 100, 10_000, 1_000, 0, LEASE, 5_000)


class CacheBook(DecidedBook):
    """Times are of the lease clock."""

    def __init__(self, settings: CacheSettings = SETTINGS) -> None:
        super().__init__(WORDS)
        self.of: dict[str, int] = {}
        """Attachments by client."""
        self.do(c.CreateCache(NAME, 0, settings), client="operator")

    def join(self, *clients: str, at: int = 0, session: str = "") -> CacheBook:
        for client in clients:
            self.do(c.Listen(NAME, 0, 0, 0, (), 0), at, client, session)
            self.of[client] = self.reply.attachment
        return self

    def listen(self, client: str, after: int, at: int, *dropped: c.LineRef) -> CacheBook:
        self.do(c.Listen(NAME, 0, self.of[client], after, dropped, 0), at, client)
        return self

    def read(self, client: str, at: int = 0, *, fill: bool = False) -> CacheBook:
        self.do(c.ReadEntry(NAME, 0, "x", self.of.get(client, 0), fill, 5_000), at, client)
        return self

    def write(self, client: str, at: int = 0, value: bytes = b"v", **changed: Any) -> CacheBook:
        given: dict[str, Any] = {
            "tags": (), "ttl_ms": -1, "if_version": -1, "attachment": self.of.get(client, 0), "keep": "INVALID",
            "line": 0, "wait_ms": 5_000,
        } | changed  # fmt: skip
        self.do(c.WriteEntry(NAME, 0, "x", value, **given), at, client)
        return self

    def state_now(self) -> Any:
        return self.state(f"{self.tenant}/{NAME}")


def steps(book: CacheBook, entry: str = "x", tenant: str = "dev", cache: str = NAME) -> list[Step]:
    """What the log says of an entry."""
    found: list[Step] = []
    chronicle, reader = EntryChronicle(tenant, cache, entry, WORDS, found.append), CommitReader(WHERE, WORDS)
    for stored in book.records:
        accepted = reader.read(stored)
        if accepted is not None:
            chronicle.commit(accepted)
    return found


def texts(book: CacheBook) -> list[str]:
    """The same, in words."""
    return [step.told.text for step in steps(book)]

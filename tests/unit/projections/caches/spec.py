"""`Told().joins("a").writes("x", b"1").at(1_000)`: a log of caches by the real decider, command by command.

`at` commits what was asked since at that event time. Clients are of principal `dev`; generation 0, so that the token
of an event is its number. The first shard of the cache `prices` of tenant `dev` is there from the beginning, in
offset 2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.domain.caches import commands as c
from streams.domain.caches.settings import CacheSettings
from streams.domain.caches.state import Cache
from streams.log.accepted import AcceptedCommit
from streams.log.ports import Stored
from tests.property.projections.caches_histories import WHERE, WORDS
from tests.property.projections.play import Play, Rules

NAME = "prices"
KEY = f"dev/{NAME}"
SETTINGS = CacheSettings("STRICT", "BACK", 100, 10_000, 1_000, 0, 10_000, 5_000)

__all__ = ["KEY", "NAME", "SETTINGS", "WHERE", "WORDS", "Told"]


def _nothing(*_: Any) -> Any:
    raise AssertionError("nothing is played at random here")


class Told:
    """A log in the making, of one partition."""

    def __init__(self, *more: str, shard: int = 0, **changed: Any) -> None:
        """`more`: further caches; `shard`: of the first one; `changed` are settings."""
        self.shard = shard
        self.key = KEY if shard == 0 else f"{KEY}#{shard}"
        self._play: Play[Cache] = Play(Rules(WHERE, WORDS, _nothing, _nothing), (self.key, *more))
        self._time_ms = 1_000
        settings = replace(SETTINGS, **changed)
        for key in (self.key, *more):
            name, _, number = key.partition("/")[2].partition("#")
            create = c.CreateCache(name, int(number or 0), settings, int(number or 0) + 1)
            self.asks(create, "operator", key)
        self.at(1_000)

    def at(self, time_ms: int) -> Told:
        """Commit."""
        self._play.commit(time_ms - self._time_ms)
        self._time_ms = time_ms
        return self

    def asks(self, command: Any, by: str = "a", key: str = "") -> Any:
        """Have a command decided; return the reply."""
        return self._play.ask(key or self.key, command, by)

    def of(self, client: str) -> int:
        """The client's attachment; 0: it keeps no lines."""
        return self.state.attached.get(("dev", client), 0)

    @property
    def state(self) -> Cache:
        return self._play.state(self.key)

    @property
    def commits(self) -> list[AcceptedCommit]:
        return self._play.read().commits

    @property
    def records(self) -> list[Stored]:
        return self._play.records

    def ticks(self) -> Told:
        """What is due is done."""
        self._play.tick(self.key)
        return self

    def joins(self, *clients: str) -> Told:
        for client in clients:
            self.asks(c.Listen(NAME, self.shard, 0, 0, (), self.of(client)), client)
        return self

    def listens(self, client: str, *dropped: tuple[str, int]) -> Told:
        """The client has done all it was called for."""
        attachment = self.of(client)
        after = self.state.listeners[attachment].posted
        refs = tuple(c.LineRef(*each) for each in dropped)
        self.asks(c.Listen(NAME, self.shard, attachment, after, refs, 0), client)
        return self

    def reads(self, entry: str, client: str = "a", *, fill: bool = False) -> Told:
        self.asks(c.ReadEntry(NAME, self.shard, entry, self.of(client), fill, 1_000), client)
        return self

    def writes(
        self,
        entry: str,
        value: bytes,
        client: str = "a",
        keep: c.LineState = "INVALID",
        tags: tuple[str, ...] = (),
        ttl_ms: int = -1,
    ) -> Told:
        line = self.token(entry, client)
        given = (entry, value, tags, ttl_ms, -1, self.of(client), keep, line, 1_000)
        self.asks(c.WriteEntry(NAME, self.shard, *given), client)
        return self

    def writes_back(
        self, entry: str, value: bytes | None, client: str = "a", keep: c.LineState = "SHARED"
    ) -> Told:
        line = self.token(entry, client)
        self.asks(c.WriteBack(NAME, self.shard, entry, self.of(client), line, value, keep), client)
        return self

    def token(self, entry: str, client: str) -> int:
        found = self.state.entries.get(entry)
        line = None if found is None else found.lines.get(self.of(client))
        return 0 if line is None else line.token

    def deletes(self, entry: str, client: str = "a") -> Told:
        self.asks(c.DeleteEntry(NAME, self.shard, entry, -1, self.of(client), 0, 1_000), client)
        return self

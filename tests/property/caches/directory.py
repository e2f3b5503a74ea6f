"""A directory behind its log: commands once each, answers that are kept, a lease clock that may only lag."""

from dataclasses import dataclass
from typing import Any

from streams.domain.caches import commands as c
from streams.domain.caches import decider
from streams.domain.caches import events as e
from streams.domain.caches.inspect import attached, sessions_of
from streams.domain.caches.settings import CacheSettings
from streams.domain.caches.state import Cache
from streams.domain.decider import TIMER, Context, Requester, Tick
from streams.domain.session import SessionGone
from tests.unit.caches.spec import NAME

PRINCIPAL = "alice"


@dataclass
class Answer:
    """What travels back to a client."""

    client: str
    sequence: int
    reply: Any
    waiting: bool
    lease_ms: int
    attached: tuple[Any, ...]


@dataclass
class Logged:
    """An event, and when it was in force for everybody."""

    at: int
    event: e.Event


class Directory:
    """One shard. Whatever it decides is checked against its fold."""

    def __init__(self, settings: CacheSettings) -> None:
        self.cache: Cache = decider.initial(NAME)
        self.log: list[Logged] = []
        self.lease_ms = 0
        self.real_ms = 0
        self.out: list[Answer] = []
        self._answers: dict[tuple[str, int], tuple[Any, bool]] = {}
        self.take("operator", 1, c.CreateCache(NAME, 0, settings))

    def take(self, client: str, sequence: int, command: Any) -> None:
        """Decide a command, or repeat its answer."""
        known = self._answers.get((client, sequence))
        if known is None:
            reply, waiting = self._decide(command, Requester(PRINCIPAL, client, "", sequence, f"s-{client}"))
            if (client, sequence) not in self._answers:
                self._answers[client, sequence] = reply, waiting
            reply, waiting = self._answers[client, sequence]
        else:
            reply, waiting = known
        self._say(client, sequence, reply, waiting=waiting)
        self.tick()

    def end_session(self, session: str) -> None:
        """Ask until nothing belongs to the session, as the engine does."""
        while session in sessions_of(self.cache):
            before = len(self.log)
            self._decide(SessionGone(session, "killed"), TIMER)
            assert len(self.log) > before
        self.tick()

    def tick(self) -> None:
        while (due := decider.next_deadline(self.cache)) is not None and due <= self.lease_ms:
            before = len(self.log)
            self._decide(Tick(), TIMER)
            assert len(self.log) > before, "a Tick that was due decided nothing"

    def _decide(self, command: Any, who: Requester) -> tuple[Any, bool]:
        number = len(self.log) + 1
        decision = decider.decide(command, who, self.cache, Context(self.lease_ms, 0, number))
        for event in decision.events:
            self.cache = decider.evolve(self.cache, event)
            self.log.append(Logged(self.real_ms, event))
        assert decision.after is None or decision.after == self.cache
        for event in decision.events:
            settled = decider.settles(event)
            if settled is None:
                continue
            asked = (settled.client, settled.sequence)
            if asked == (who.client, who.sequence):
                assert decision.reply == settled.reply
                continue
            assert self._answers[asked][1], "settled twice"
            self._answers[asked] = settled.reply, False
            self._say(*asked, settled.reply, waiting=False)
        return decision.reply, decision.waiting

    def _say(self, client: str, sequence: int, reply: Any, *, waiting: bool) -> None:
        answer = Answer(client, sequence, reply, waiting, self.lease_ms, attached(self.cache, reply))
        self.out.append(answer)

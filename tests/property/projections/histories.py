"""Random logs of locks by the real decider, cut into commits, and the states that the owner had. Not a test itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from streams.domain.decider import TIMER, Decision, Requester, Tick
from streams.domain.locks.commands import Command
from streams.domain.locks.events import Event, LockGranted, LockReleased
from streams.domain.locks.replies import Reply
from streams.domain.locks.state import FREE, Lock
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import Stored
from streams.log.records import LoggedDecision
from streams.wire.messages import SessionEnded, TimerFailed
from tests.property.locks.world import Limits, Step, World
from tests.unit.replay.logbook import WHERE, WORDS, Logbook, decision, timer

KEYS = ("acme/a", "acme/b/c", "zeta/a")
VERBS = (
    *("acquire",) * 12,
    *("release",) * 7,
    *("upgrade",) * 3,
    *("renew", "downgrade") * 2,
    *("withdraw", "inspect"),
    *("abort",) * 3,
    *("pass",) * 4,
    *("tick",) * 2,
    *("session", "failed", "poison", "stranger"),
)
LIMITS = Limits(events=5)
NOBODYS = 1 << 40
"""A token that was never given."""


@dataclass(frozen=True)
class Move:
    """A step on one lock, and what the log does behind it: nothing (None), or commit at so much later event time."""

    key: str
    step: Step
    commit_after_ms: int | None


def _step(verb: st.SearchStrategy[str], delays: Sequence[int] = (0, 0, 70)) -> st.SearchStrategy[Step]:
    return st.builds(
        Step,
        verb=verb,
        actor=st.integers(0, 5),
        pick=st.integers(0, 120),
        mode=st.sampled_from(["SHARED", "SHARED", "EXCLUSIVE"]),
        ttl_ms=st.sampled_from([100, 100_000, 100_000]),
        wait_ms=st.sampled_from([0, 60, 100_000, 100_000]),
        priority=st.sampled_from([0, 0, 1, 9]),
        lock_delay_ms=st.sampled_from(delays),
    )


MOVES = st.lists(
    st.builds(
        Move,
        key=st.sampled_from((*KEYS, *KEYS[:1] * 3)),
        step=_step(st.sampled_from(VERBS)),
        commit_after_ms=st.sampled_from([None, None, 0, 7, 3_000, 12_000, 25_000, -4_000]),
    ),
    min_size=25,
    max_size=60,
)

DELAYED = st.lists(
    st.builds(
        Move,
        key=st.sampled_from(KEYS[:2]),
        step=_step(st.sampled_from((*("acquire",) * 3, *("pass", "tick") * 2, "session")), [70]),
        commit_after_ms=st.sampled_from([0, 7, 3_000]),
    ),
    min_size=12,
    max_size=40,
)
"""Whoever loses a lock leaves a delay behind, in which others begin to wait."""


@dataclass
class History:
    """One partition's log, and each key's state after each commit that counts."""

    commits: list[AcceptedCommit] = field(default_factory=list)
    states: list[dict[str, Lock]] = field(default_factory=list)
    poison: set[tuple[int, int]] = field(default_factory=set)
    """(offset, index) of the decisions that fit nothing."""

    def upto(self, offset: int) -> dict[str, Lock]:
        """The states at `offset`."""
        known = [s for c, s in zip(self.commits, self.states, strict=True) if c.offset <= offset]
        return known[-1] if known else {}


def history(moves: Sequence[Move]) -> History:
    """Play `moves`; the rest goes into a last commit."""
    with LIMITS.applied():
        play = _Play()
        for move in moves:
            play.move(move)
        play.commit(0)
    return play.read()


class _Lock(World):
    """One lock's world, which tells its decisions."""

    def __init__(self, key: str, play: "_Play") -> None:
        super().__init__(LIMITS)
        self._key, self._play = key, play

    def _decide(self, command: Command | Tick, who: Requester) -> Decision[Event, Reply]:
        made = super()._decide(command, who)
        self._play.log(self._key, command, who, made)
        return made


class _Play:
    def __init__(self) -> None:
        self._book = Logbook().begun()
        self._times = [1_000, 1_000]
        self._worlds = {key: _Lock(key, self) for key in KEYS}
        self._number, self._now, self._sequence = 1, 0, 0
        self._open: list[LoggedDecision] = []
        self._spoiled: set[int] = set()
        self._poison: set[tuple[int, int]] = set()
        self._states: dict[int, dict[str, Lock]] = {}

    def move(self, move: Move) -> None:
        world = self._worlds[move.key]
        match move.step.verb:
            case "session":
                self._engine(
                    decision(0, SessionEnded("s", 0, "why"), lane="DIRECT", key="", command="EndSession")
                )
            case "failed":
                self._engine(replace(timer(TimerFailed("a bug")), key=move.key))
            case "poison":
                self._spoil(move)
            case "stranger":
                self._stamp(0)
                self._book.write(b"a stranger's")
            case _:
                world.number, world.now, world.sequence = self._number, self._now, self._sequence
                world.play(move.step)
                self._number, self._now, self._sequence = world.number, world.now, world.sequence
        if move.commit_after_ms is not None:
            self.commit(move.commit_after_ms)

    def log(self, key: str, command: Command | Tick, who: Requester, made: Decision[Event, Reply]) -> None:
        if who is TIMER:
            if made.events:
                self._open.append(replace(timer(*made.events), key=key))
            return
        logged = decision(
            who.sequence, *made.events, reply=made.reply, client=who.client, handle=who.handle,
            principal=who.principal, key=key, command=type(command).__name__, waiting=made.waiting,
            tenant=key.partition("/")[0],
        )  # fmt: skip
        self._open.append(logged)

    def commit(self, after_ms: int) -> None:
        self._stamp(after_ms)
        offset = len(self._book.records)
        self._poison |= {(offset, index) for index in self._spoiled}
        self._states[offset] = {
            key: world.state for key, world in self._worlds.items() if world.state is not FREE
        }
        self._book.commit(*self._open)
        self._open, self._spoiled = [], set()

    def read(self) -> History:
        reader, made = CommitReader(WHERE, WORDS), History(poison=self._poison)
        for record, time_ms in zip(self._book.records, self._times, strict=True):
            accepted = reader.read(Stored(record.offset, time_ms, record.value))
            if accepted is not None:
                made.commits.append(accepted)
                made.states.append(self._states[accepted.offset])
        return made

    def _stamp(self, after_ms: int) -> None:
        self._times.append(max(1_000, self._times[-1] + after_ms))

    def _engine(self, logged: LoggedDecision) -> None:
        self._open.append(logged)
        self._number += 1

    def _spoil(self, move: Move) -> None:
        """A decision that begins well and ends in what cannot be."""
        grant = LockGranted("eve", "e", "e", 0, self._number, "SHARED", 1, 1, None, None)
        events: tuple[Any, ...] = (grant, LockReleased(NOBODYS))
        if move.step.pick % 3 == 0:
            events = (replace(grant, token=self._number + 1),)
        self._spoiled.add(len(self._open))
        self._open.append(decision(0, *events, key=move.key))
        self._number += len(events)

"""Random logs of a kind by its real decider, cut into commits, and the states that the owner had. Not a test itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from hypothesis import strategies as st

from streams.domain.decider import TIMER, Context, Requester, Tick
from streams.domain.session import SessionGone
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import SessionEnded, TimerFailed
from tests.unit.replay.logbook import Logbook, decision

S = TypeVar("S")


@dataclass(frozen=True)
class Move:
    """One command on one key, and what the log does behind it: nothing (None), or commit so much later."""

    key: str
    verb: str
    pick: int
    count: int
    flag: bool
    commit_after_ms: int | None


def moves(keys: tuple[str, ...], verbs: Sequence[str]) -> st.SearchStrategy[list[Move]]:
    """Moves, most of them on the first key."""
    return st.lists(
        st.builds(
            Move,
            key=st.sampled_from((*keys, *keys[:1] * 8)),
            verb=st.sampled_from(verbs),
            pick=st.integers(0, 200),
            count=st.sampled_from([1, 1, 2, 5]),
            flag=st.booleans(),
            commit_after_ms=st.sampled_from([None, None, 0, 7, 3_000, 12_000, 25_000, -4_000]),
        ),
        min_size=30,
        max_size=80,
    )


@dataclass
class History(Generic[S]):
    """One partition's log, and each key's state after each commit that counts."""

    commits: list[AcceptedCommit] = field(default_factory=list)
    states: list[dict[str, S]] = field(default_factory=list)
    poison: set[tuple[int, int]] = field(default_factory=set)
    """(offset, index) of the decisions that fit nothing."""


@dataclass(frozen=True)
class Rules(Generic[S]):
    """How a kind is played."""

    where: PartitionId
    words: Vocabulary
    command: Callable[[Move, S, int], tuple[Any, str]]
    """Of (move, state, sequence): the command and who asks."""
    spoiled: Callable[[S, int], tuple[Any, ...]]
    """Of (state, number of the next event): events that begin well, if the resource is there, and cannot be."""

    def did(self, *events: Any, key: str, **changes: Any) -> LoggedDecision:
        """Some command's decision with these events."""
        made = decision(1, key=key, **changes)
        return replace(made, events=tuple(map(self.words.encode_event, events)))


class Play(Generic[S]):
    """A log in the making."""

    def __init__(self, rules: Rules[S], keys: Sequence[str]) -> None:
        self._rules, self._decider = rules, rules.words.kind.decider
        self._book = Logbook(rules.where.kind).begun()
        self._times = [1_000, 1_000]
        self._states: dict[str, S] = {key: self._decider.initial(key) for key in keys}
        self._number, self._now, self._sequence = 1, 0, 0
        self._open: list[LoggedDecision] = []
        self._spoiled: set[int] = set()
        self._poison: set[tuple[int, int]] = set()
        self._seen: dict[int, dict[str, S]] = {}

    def move(self, move: Move) -> None:
        rules = self._rules
        match move.verb:
            case "pass":
                self._now += (7, 40, 120, 600)[move.pick % 4]
            case "session":
                self._engine(rules.did(SessionEnded("s", 0, "why"), key="", command="EndSession"))
            case "failed":
                self._engine(rules.did(TimerFailed("a bug"), key=move.key))
            case "poison":
                self._spoil(move)
            case "stranger":
                self._stamp(0)
                self._book.write(b"a stranger's")
            case "tick":
                self.tick(move.key)
            case "gone":
                self._decide(move.key, SessionGone("s", "node 7 died"), TIMER)
            case _:
                self.ask(move.key, *rules.command(move, self._states[move.key], self._sequence + 1))
        if move.commit_after_ms is not None:
            self.commit(move.commit_after_ms)

    def ask(self, key: str, command: Any, client: str) -> Any:
        """Have a client's command decided; return the reply."""
        self._sequence += 1
        return self._decide(key, command, Requester("dev", client, "h", self._sequence, "s"))

    def tick(self, key: str) -> None:
        """Have what is due decided, lease time being what it is."""
        self._decide(key, Tick(), TIMER)

    def state(self, key: str) -> S:
        """Return the state as the owner has it."""
        return self._states[key]

    def _decide(self, key: str, command: Any, who: Requester) -> Any:
        state = self._states[key]
        made = self._decider.decide(command, who, state, Context(self._now, 0, self._number))
        for event in made.events:
            state = self._decider.evolve(state, event)
        self._states[key] = state
        self._number += len(made.events)
        if who is TIMER and not made.events:
            return made.reply
        reply = b"" if who is TIMER else self._rules.words.encode_reply(made.reply)
        logged = self._rules.did(
            *made.events, key=key, command=type(command).__name__, principal=who.principal, client=who.client,
        )  # fmt: skip
        self._open.append(replace(logged, reply=reply, lane="TIMER" if who is TIMER else "DIRECT"))
        return made.reply

    def commit(self, after_ms: int) -> None:
        self._stamp(after_ms)
        offset = len(self._book.records)
        self._poison |= {(offset, index) for index in self._spoiled}
        self._seen[offset] = dict(self._states)
        self._book.commit(*self._open)
        self._open, self._spoiled = [], set()

    @property
    def records(self) -> list[Stored]:
        return self._book.records

    def read(self) -> History[S]:
        reader = CommitReader(self._rules.where, self._rules.words)
        made: History[S] = History(poison=self._poison)
        for record, time_ms in zip(self._book.records, self._times, strict=True):
            accepted = reader.read(Stored(record.offset, time_ms, record.value))
            if accepted is not None:
                made.commits.append(accepted)
                made.states.append(self._seen[accepted.offset])
        return made

    def _stamp(self, after_ms: int) -> None:
        self._times.append(max(1_000, self._times[-1] + after_ms))

    def _engine(self, logged: LoggedDecision) -> None:
        self._open.append(logged)
        self._number += 1

    def _spoil(self, move: Move) -> None:
        events = self._rules.spoiled(self._states[move.key], self._number)
        self._spoiled.add(len(self._open))
        self._open.append(self._rules.did(*events, key=move.key))
        self._number += len(events)

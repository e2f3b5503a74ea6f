"""Random logs of queues by the real decider, cut into commits, and the states that the owner had. Not a test itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import strategies as st

from streams.domain.decider import TIMER, Context, Requester, Tick
from streams.domain.queues import decider
from streams.domain.queues.commands import (
    AckMessages,
    AddSubscription,
    ConfigureQueue,
    ConfirmMoves,
    CreateQueue,
    DeleteQueue,
    EnqueueMessages,
    ExtendLeases,
    MoveFailure,
    NackMessages,
    NewMessage,
    PurgeMessages,
    Receipt,
    ReceiveMessages,
    RedriveMessages,
    RemoveSubscription,
    RouteQueue,
    WithdrawReceive,
)
from streams.domain.queues.settings import QueueRoute, QueueSettings
from streams.domain.queues.state import Queue
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import Stored
from streams.log.records import LoggedDecision
from streams.wire.messages import SessionEnded, TimerFailed
from tests.unit.projections.queues.spec import WHERE, WORDS, acked, created, did, enqueued
from tests.unit.replay.logbook import Logbook

KEYS = ("acme/q", "acme/q#1", "acme/b", "zeta/q")
SETTINGS = QueueSettings(2, 200, 30, 90, 200, 10, None, 500, 12, 10**6, "REFUSE", 1000, 4, 50, False, False)
VERBS = (
    *("enqueue",) * 10, *("receive",) * 10, *("nack",) * 8, *("ack", "tick", "redrive", "confirm") * 5,
    *("pass",) * 4, *("extend", "withdraw", "purge") * 2,
    "create", "subscribe", "unsubscribe", "configure", "route", "delete", "session", "failed", "poison", "stranger",
)  # fmt: skip


@dataclass(frozen=True)
class Move:
    """One command on one key, and what the log does behind it: nothing (None), or commit so much later."""

    key: str
    verb: str
    pick: int
    count: int
    flag: bool
    commit_after_ms: int | None


MOVES = st.lists(
    st.builds(
        Move,
        key=st.sampled_from((*KEYS, *KEYS[:1] * 8)),
        verb=st.sampled_from(VERBS),
        pick=st.integers(0, 200),
        count=st.sampled_from([1, 1, 2, 5]),
        flag=st.booleans(),
        commit_after_ms=st.sampled_from([None, None, 0, 7, 3_000, 12_000, 25_000, -4_000]),
    ),
    min_size=30,
    max_size=80,
)


@dataclass
class History:
    """One partition's log, and each key's state after each commit that counts."""

    commits: list[AcceptedCommit] = field(default_factory=list)
    states: list[dict[str, Queue]] = field(default_factory=list)
    poison: set[tuple[int, int]] = field(default_factory=set)
    """(offset, index) of the decisions that fit nothing."""


def history(moves: Sequence[Move]) -> History:
    """Play `moves`; the rest goes into a last commit. Every queue is made at first, and has subscriptions."""
    play = _Play()
    for key in KEYS:
        play.move(Move(key, "create", 0, 1, False, None))
    for flag in (True, False):
        play.move(Move("acme/b", "subscribe", 0, 1, flag, None))
    for move in moves:
        play.move(move)
    play.commit(0)
    return play.read()


class _Play:
    def __init__(self) -> None:
        self._book = Logbook("queues").begun()
        self._times = [1_000, 1_000]
        self._queues = dict.fromkeys(KEYS, decider.initial(""))
        self._number, self._now, self._sequence = 1, 0, 0
        self._open: list[LoggedDecision] = []
        self._spoiled: set[int] = set()
        self._poison: set[tuple[int, int]] = set()
        self._states: dict[int, dict[str, Queue]] = {}

    def move(self, move: Move) -> None:
        match move.verb:
            case "pass":
                self._now += (7, 40, 120, 600)[move.pick % 4]
            case "session":
                self._engine(did(SessionEnded("s", 0, "why"), key="", command="EndSession"))
            case "failed":
                self._engine(did(TimerFailed("a bug"), key=move.key))
            case "poison":
                self._spoil(move)
            case "stranger":
                self._stamp(0)
                self._book.write(b"a stranger's")
            case "tick":
                self._decide(move.key, Tick(), TIMER)
            case _:
                self._sequence += 1
                who = Requester("dev", "c", "h", self._sequence)
                self._decide(move.key, _command(move, self._queues[move.key], self._sequence), who)
        if move.commit_after_ms is not None:
            self.commit(move.commit_after_ms)

    def _decide(self, key: str, command: Any, who: Requester) -> None:
        queue = self._queues[key]
        made = decider.decide(command, who, queue, Context(self._now, 0, self._number))
        for event in made.events:
            queue = decider.evolve(queue, event)
        self._queues[key] = queue
        self._number += len(made.events)
        if who is TIMER and not made.events:
            return
        reply = b"" if who is TIMER else WORDS.encode_reply(made.reply)
        logged = did(
            *made.events, key=key, command=type(command).__name__, principal=who.principal, client=who.client,
        )  # fmt: skip
        self._open.append(replace(logged, reply=reply, lane="TIMER" if who is TIMER else "DIRECT"))

    def commit(self, after_ms: int) -> None:
        self._stamp(after_ms)
        offset = len(self._book.records)
        self._poison |= {(offset, index) for index in self._spoiled}
        self._states[offset] = dict(self._queues)
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
        """A decision that begins well, if the queue is there, and ends in what cannot be."""
        queue = self._queues[move.key]
        events: tuple[Any, ...] = (created(self._number + 5),)
        if queue.settings is not None:
            events = (enqueued(queue.next_message), acked(1 << 40))
        self._spoiled.add(len(self._open))
        self._open.append(did(*events, key=move.key))
        self._number += len(events)


def _command(move: Move, queue: Queue, sequence: int) -> Any:
    name, _, number = move.key.partition("/")[2].partition("#")
    at = (name, int(number or 0))
    broadcast, pick, flag = move.key == "acme/b", move.pick, move.flag
    subscription = ("a" if flag else "b") if broadcast else ""
    sub = queue.subscriptions.get(subscription)
    leased = (
        [] if sub is None else [Receipt(number, lease.token) for number, lease in sorted(sub.leased.items())]
    )
    receipt = leased[pick % len(leased)] if leased else Receipt(1, 1)
    waits = [] if sub is None else [wait.sequence for wait in sub.waits.values()]
    dead = None if broadcast or pick % 2 else "elsewhere"
    settings = replace(
        SETTINGS, max_attempts=1 + pick % 3 // 2, broadcast=broadcast, dead_letter_queue=dead,
        paused=flag and pick % 9 == 1,
    )  # fmt: skip
    if dead is not None and flag:
        settings = replace(settings, overflow="DEAD_LETTER_OLDEST")
    home = min(at[1], queue.route.shards - 1)
    moving = [] if sub is None else sorted(sub.moving)
    made: dict[str, Callable[[], Any]] = {
        "create": lambda: CreateQueue(*at, settings, QueueRoute(1, 1 + at[1], 1 + at[1])),
        "configure": lambda: ConfigureQueue(*at, settings, 0),
        "route": lambda: RouteQueue(*at, QueueRoute(queue.route.epoch + 1, 1 + pick % 3, queue.route.shards)),
        "delete": lambda: DeleteQueue(*at, force=flag),
        "subscribe": lambda: AddSubscription(*at, "a" if flag else "b"),
        "unsubscribe": lambda: RemoveSubscription(*at, "a" if flag else "b"),
        "enqueue": lambda: EnqueueMessages(
            *at, queue.route.epoch, tuple(_message(pick + n, home) for n in range(move.count))
        ),
        "receive": lambda: ReceiveMessages(*at, subscription, move.count, 60 * (pick % 3), 0),
        "withdraw": lambda: WithdrawReceive(*at, subscription, waits[0] if waits else max(1, sequence - pick % 4)),
        "ack": lambda: AckMessages(*at, subscription, (receipt,)),
        "nack": lambda: NackMessages(*at, subscription, (receipt,), (-1, 0, 40)[pick % 3], "no \0 luck", pick % 7 == 0),
        "extend": lambda: ExtendLeases(*at, subscription, (receipt,), 0),
        "redrive": lambda: RedriveMessages(
            *at, subscription, (), None, None, "there" if pick % 3 == 0 else None, 3, False
        ),
        "purge": lambda: PurgeMessages(*at, subscription, ("READY", "DELAYED", "DEAD")[pick % 3], 2),
        "confirm": lambda: ConfirmMoves(
            *at,
            subscription,
            queue.incarnation,
            tuple(moving[:2]) if flag else (),
            () if flag else tuple(MoveFailure(each, f"no room for {each}") for each in moving[:2]),
        ),
    }  # fmt: skip
    return made[move.verb]()


def _message(pick: int, home: int) -> NewMessage:
    group = (None, None, "g", "h")[pick % 4]
    dedup_id = f"d{pick}" if pick % 3 == 0 else None
    return NewMessage(
        b"x" * (pick % 9), group, None, pick % 10, (0, 0, 0, 50)[pick // 2 % 4], dedup_id, (), home, None
    )

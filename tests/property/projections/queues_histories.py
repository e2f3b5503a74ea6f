"""Random logs of queues by the real decider. Not a test itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

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
from tests.property.projections.play import History, Move, Play, Rules, moves
from tests.unit.projections.queues.spec import WHERE, WORDS, acked, created, enqueued

KEYS = ("acme/q", "acme/q#1", "acme/b", "zeta/q")
SETTINGS = QueueSettings(2, 200, 30, 90, 200, 10, None, 500, 12, 10**6, "REFUSE", 1000, 4, 50, False, False)
VERBS = (
    *("enqueue",) * 10, *("receive",) * 10, *("nack",) * 8, *("ack", "tick", "redrive", "confirm") * 5,
    *("pass",) * 4, *("extend", "withdraw", "purge") * 2,
    "create", "subscribe", "unsubscribe", "configure", "route", "delete", "session", "failed", "poison", "stranger",
)  # fmt: skip


MOVES = moves(KEYS, VERBS)


def history(moves: Sequence[Move]) -> History[Queue]:
    """Play `moves`; the rest goes into a last commit. Every queue is made at first, and has subscriptions."""
    play = Play(Rules(WHERE, WORDS, _asked, _spoiled), KEYS)
    for key in KEYS:
        play.move(Move(key, "create", 0, 1, False, None))
    for flag in (True, False):
        play.move(Move("acme/b", "subscribe", 0, 1, flag, None))
    for move in moves:
        play.move(move)
    play.commit(0)
    return play.read()


def _spoiled(queue: Queue, number: int) -> tuple[Any, ...]:
    if queue.settings is None:
        return (created(number + 5),)
    return (enqueued(queue.next_message), acked(1 << 40))


def _asked(move: Move, queue: Queue, sequence: int) -> tuple[Any, str]:
    return _command(move, queue, sequence), "c"


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

"""The verifier on queues: a sound log holds, and every planted violation is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.domain.queues.commands import MoveFailure
from streams.domain.queues.events import (
    Attempt,
    LeasesExtended,
    MessagesAcked,
    MessagesDelivered,
    MessagesDied,
    MessagesDue,
    MessagesMoved,
    MessagesPurged,
    MessagesRedriven,
    MessagesReturned,
    MovesFailed,
    QueueConfigured,
    QueueDeleted,
    ReceiveEnded,
    Return,
)
from streams.domain.queues.replies import (
    Delivery,
    EnqueueResult,
    MessagesAccepted,
    QueueStats,
    SubscriptionStats,
)
from tests.unit.replay.queue_logbook import ROUTE, QueueBook, enqueued, message, settings

LEASE_MS = 1_000


def book() -> QueueBook:
    return QueueBook().begun().create()


def delivered(token: int, *attempts: tuple[int, int], at: int = 0, client: str = "a") -> MessagesDelivered:
    messages = tuple(Attempt(number, attempt) for number, attempt in attempts)
    return MessagesDelivered("app", client, "1", token, None, "", 2, token, at + LEASE_MS, messages)


def acked(*numbers: int) -> MessagesAcked:
    return MessagesAcked("", numbers)


def returned(number: int, attempts: int, ready_at: int = 0, cause: str = "NACKED") -> MessagesReturned:
    return MessagesReturned("", cause, "no", (Return(number, ready_at, attempts),))  # type: ignore[arg-type]


def died(number: int, attempt: int, to: str | None = None) -> MessagesDied:
    return MessagesDied("", "ATTEMPTS", "no", (Attempt(number, attempt),), to, 0)


def leased(group: str | None = None, count: int = 1) -> QueueBook:
    """Messages of which the first is leased, under token 3."""
    return (
        book().did("orders", enqueued(1, *[message(group=group)] * count)).did("orders", delivered(3, (1, 1)))
    )


def moving() -> QueueBook:
    return leased().did("orders", died(1, 1, "dead"))


def stats(ready: int, messages: int = 1) -> QueueStats:
    one = SubscriptionStats("", ready, 0, 0, 0, 0, 0, 0)
    return QueueStats(2, 1, settings(), ROUTE, messages, messages, 2, True, (one,))


def sound() -> QueueBook:
    """A nack with a pause, an expiry, a dead letter that is moved, one that is redriven, a group in order, a purge."""
    made = book().did("orders", enqueued(1, message(), message(group="g"), message(group="g"), message()))
    made.did("orders", delivered(3, (1, 1), (2, 1), at=40), at=40)
    made.did("orders", returned(1, 1, ready_at=200), acked(2), at=50)
    made.did("orders", delivered(6, (3, 1), at=60), at=60).timer("orders", MessagesDue("", (1,)), at=200)
    made.did("orders", delivered(8, (1, 2), at=210), LeasesExtended("", (3,), 1_300), at=210)
    made.timer("orders", returned(1, 2, cause="EXPIRED"), at=1_210)
    made.did("orders", acked(3), delivered(12, (1, 3), at=1_220), at=1_220)
    made.did("orders", died(1, 3, "dead"), at=1_230).did("orders", MovesFailed("", (MoveFailure(1, "full"),)))
    made.did("orders", MessagesRedriven("", (1,), "dead"), MessagesMoved("", (1,)), at=1_240)
    return (
        made.did("orders", reply=stats(ready=1))
        .did("orders", MessagesPurged("", (4,)))
        .did("orders", QueueDeleted(0))
    )


def test_a_sound_log_holds_and_is_counted() -> None:
    report = sound().verified()
    assert report.violations == []
    assert report.counts == {
        "queues": 0, "enqueued": 4, "delivered": 5, "acked": 2, "died": 1, "moved": 1, "messages": 0, "leased": 0,
        "dead_letters": 0, "moving": 0,
    }  # fmt: skip


def test_a_delivery_that_does_not_count_leaves_the_attempts_that_a_message_may_have() -> None:
    """They were 2 when it came back from the one that counted; the setting is 1 by then."""
    made = QueueBook().begun().create(max_attempts=2).did("orders", enqueued(1, message()))
    made.did("orders", delivered(3, (1, 1))).did("orders", returned(1, 1))
    made.did("orders", QueueConfigured(2, settings(max_attempts=1)), delivered(6, (1, 2)))
    made.did("orders", returned(1, 1), delivered(8, (1, 2)))
    assert made.verified().violations == []
    made.did("orders", returned(1, 2), delivered(10, (1, 3)))
    assert [each.code for each in made.verified().violations] == ["ATTEMPTS"]


def test_waits_end_after_the_queue_they_waited_at() -> None:
    ended = ReceiveEnded("app", "a", "1", 2, 3, "", "DELETED")
    report = book().did("orders", QueueDeleted(0), ended, command="DeleteQueue").verified()
    assert report.violations == []


def test_what_is_still_there_is_told() -> None:
    counts = moving().did("orders", enqueued(2, message(), message())).verified().counts
    assert (counts["queues"], counts["messages"], counts["moving"]) == (1, 3, 1)


PLANTED: dict[str, tuple[str, Callable[[], QueueBook]]] = {
    "an acknowledged message comes again": (
        "NO_SUCH_MESSAGE",
        lambda: leased().did("orders", acked(1)).did("orders", delivered(5, (1, 2))),
    ),
    "a leased message is given to another": (
        "REDELIVERED",
        lambda: leased().did("orders", delivered(4, (1, 2))),
    ),
    "a dead letter is delivered": (
        "REDELIVERED",
        lambda: leased().did("orders", died(1, 1)).did("orders", delivered(5, (1, 2))),
    ),
    "a message that never was": ("NO_SUCH_MESSAGE", lambda: leased().did("orders", delivered(4, (7, 1)))),
    "a number is left out": ("NO_SUCH_MESSAGE", lambda: book().did("orders", enqueued(2, message()))),
    "a queue that never was": ("NO_SUCH_MESSAGE", lambda: book().did("other", enqueued(1, message()))),
    "the head of its group is leased": (
        "OUT_OF_ORDER",
        lambda: leased("g", 2).did("orders", delivered(4, (2, 1))),
    ),
    "the head of its group waits": (
        "OUT_OF_ORDER",
        lambda: (
            book().did("orders", enqueued(1, *[message(group="g")] * 2)).did("orders", delivered(3, (2, 1)))
        ),
    ),
    "a fourth attempt of three": (
        "ATTEMPTS",
        lambda: (
            leased()
            .did("orders", returned(1, 1), delivered(5, (1, 2)))
            .did("orders", returned(1, 2), delivered(7, (1, 3)))
            .did("orders", returned(1, 3), delivered(9, (1, 4)))
        ),
    ),
    "an attempt is not counted": (
        "ATTEMPTS",
        lambda: leased().did("orders", returned(1, 1), delivered(5, (1, 1))),
    ),
    "before its pause is over": (
        "EARLY",
        lambda: leased().did("orders", returned(1, 1, ready_at=900), delivered(5, (1, 2)), at=899),
    ),
    "its lease ends early": (
        "EARLY",
        lambda: leased().timer("orders", returned(1, 1, cause="EXPIRED"), at=LEASE_MS - 1),
    ),
    "while it is paused": (
        "EARLY",
        lambda: (
            QueueBook()
            .begun()
            .create(paused=True)
            .did("orders", enqueued(1, message()))
            .did("orders", delivered(3, (1, 1)))
        ),
    ),
    "acknowledged by another": ("STOLEN", lambda: leased().did("orders", acked(1), principal="thief")),
    "acknowledged too late": ("NO_SUCH_LEASE", lambda: leased().did("orders", acked(1), at=LEASE_MS)),
    "a token that is not its event's number": (
        "TOKEN",
        lambda: book().did("orders", enqueued(1, message())).did("orders", delivered(9, (1, 1))),
    ),
    "moved though nobody sent it": (
        "NO_SUCH_MESSAGE",
        lambda: leased().did("orders", MessagesMoved("", (1,))),
    ),
    "moved twice": (
        "NO_SUCH_MESSAGE",
        lambda: moving().did("orders", MessagesMoved("", (1,))).did("orders", MessagesMoved("", (1,))),
    ),
    "purged while leased": ("NO_SUCH_MESSAGE", lambda: leased().did("orders", MessagesPurged("", (1,)))),
    "deleted with another count": ("NO_SUCH_MESSAGE", lambda: leased().did("orders", QueueDeleted(0))),
    "no such subscription": (
        "NO_SUCH_MESSAGE",
        lambda: leased().did("orders", MessagesAcked("other", (1,))),
    ),
    "an inspection that is wrong": ("REPLY", lambda: leased().did("orders", reply=stats(ready=1))),
    "an answer about what did not happen": (
        "REPLY",
        lambda: leased().did("orders", reply=MessagesAccepted(1, (EnqueueResult(2, "ENQUEUED"),))),
    ),
    "a delivery that is none": (
        "REPLY",
        lambda: leased().did("orders", reply=Delivery(1, 9, 0, (Attempt(1, 1),))),
    ),
}


@pytest.mark.parametrize(("code", "planted"), PLANTED.values(), ids=PLANTED.keys())
def test_every_violation_is_found(code: str, planted: Callable[[], QueueBook]) -> None:
    assert code in planted().verified().codes

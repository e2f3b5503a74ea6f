"""The catalogue's entry for locks is complete, and every message survives its schema."""

from typing import Any

import pytest

from streams.catalog import KINDS
from streams.domain.locks import commands, events, replies
from streams.domain.locks.kind import LOCKS
from streams.log.vocabulary import Vocabulary
from tests.unit.locks import spec

T = commands.Transaction("t1", 5)
TERMS = events.LockTerms(5, T, "")
EVENTS: list[Any] = [
    spec.granted("a", 1),
    spec.granted("a", 1 << 50, "SHARED", ticket=3, terms=TERMS),
    spec.waiting("a", 1, terms=TERMS),
    spec.upgrade_waiting("a", 3, 1),
    events.LockRenewed(1, 2),
    events.LockReleased(1),
    events.LockExpired(1, None, ""),
    events.LockExpired(1, 5, ""),
    events.LockDelayEnded(),
    spec.upgraded("a", 1, 2, 3, ticket=4),
    events.LockDowngraded(1),
    spec.timed_out("a", 1),
    spec.withdrawn("a", 1, "EXPIRED"),
    spec.aborted("a", 1),
]
REPLIES: list[Any] = [
    replies.LockHeld(1, "SHARED", 2),
    replies.LockWaiting(1, 2),
    replies.LeaseExtended(1, 2),
    replies.LockFreed(1),
    replies.LockWithdrawn("RELEASED", 1),
    replies.WaitAborted(1, aborted=True),
    replies.LockSwept(),
    replies.LockState(
        "SHARED",
        (replies.LockHolder("p", "c", "h", 1, "SHARED", 2, T),),
        (replies.LockWaiter("p", "c", "h", 1, "EXCLUSIVE", 9, 2, 1, None),),
        1,
        1,
        4,
    ),
]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(LOCKS)


def test_the_catalogue_lists_locks() -> None:
    assert LOCKS in KINDS


@pytest.mark.parametrize("event", EVENTS)
def test_events_survive_their_schema(vocabulary: Vocabulary, event: Any) -> None:
    assert vocabulary.decode_event(vocabulary.encode_event(event)) == event


@pytest.mark.parametrize("reply", REPLIES)
def test_replies_survive_their_schema(vocabulary: Vocabulary, reply: Any) -> None:
    assert vocabulary.decode_reply(vocabulary.encode_reply(reply)) == reply


def test_no_message_is_forgotten() -> None:
    assert {type(event) for event in EVENTS} == set(LOCKS.events) == set(events.Event.__args__)
    assert {type(reply) for reply in REPLIES} == set(LOCKS.replies) == set(replies.Reply.__args__)
    assert {command.type for command in LOCKS.commands} == set(commands.Command.__args__)


def test_the_key_is_the_name() -> None:
    assert LOCKS.key_of(spec.acquire()) == spec.NAME

"""The catalogue's entry for queues is complete, and every message survives its schema."""

from typing import Any, get_args

import pytest

from streams.catalog import KINDS
from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues import replies as r
from streams.domain.queues.kind import QUEUES
from streams.log.vocabulary import Vocabulary
from tests.unit.queues.spec import NAME, ROUTE, SETTINGS, kept

HEADERS = (c.Header("h", "v"),)
ORIGIN = c.Origin("old", "old.1.2", "r", 3)
FAILED = (c.MoveFailure(1, "no"),)
EVENTS: list[Any] = [
    e.QueueCreated(1 << 50, SETTINGS, ROUTE),
    e.QueueConfigured(2, SETTINGS),
    e.QueueRouted(ROUTE, 5, 6),
    e.QueueDeleted(3),
    e.SubscriptionAdded("s"),
    e.SubscriptionRemoved("s", 4),
    e.MessagesEnqueued("p", "c", 1, 2, (kept(), kept(b"", group="g", headers=HEADERS, origin=ORIGIN))),
    e.ReceiveStarted("p", "c", "h", 1, 2, "", 3, 4, 5),
    e.MessagesDelivered("p", "c", "h", 1, None, "", 2, 3, 4, (e.Attempt(1, 1),)),
    e.ReceiveEnded("p", "c", "h", 1, 2, "", "ROUTED"),
    e.MessagesDue("", (1, 2)),
    e.MessagesAcked("", (1, 2)),
    e.MessagesReturned("", "NACKED", "r", (e.Return(1, 2, 3),)),
    e.LeasesExtended("", (1,), 2),
    e.MessagesDied("", "OVERFLOW", "r", (e.Attempt(1, 1),), "to", 3),
    e.MessagesRedriven("", (1,), None),
    e.MessagesPurged("", (1,)),
    e.MessagesMoved("", (1,)),
    e.MovesFailed("", FAILED),
]
REPLIES: list[Any] = [
    r.QueueOpened(1, 1, existed=True),
    r.QueueChanged(1, ROUTE),
    r.QueueRemoved(1),
    r.MessagesAccepted(1, (r.EnqueueResult(0, "MOVED"),)),
    r.ReceiveWaiting(1),
    r.Delivery(1, 2, 3, (e.Attempt(1, 1),)),
    r.ReceiptsTaken(1, (r.RefusedReceipt(1, 2, "NOT_YOURS"),), 3),
    r.ReceiveWithdrawn(1),
    r.MessagesChosen((1,), True, 1),
    r.MovesTaken(1),
    r.MessagesPeeked(1, (r.PeekedMessage(1, "READY", 2, 3, 4, "c", "r", None),), False, 1),
    r.QueueStats(1, 1, SETTINGS, ROUTE, 2, 3, 4, True, (r.SubscriptionStats("", 1, 2, 3, 4, 5, 6, 7),)),
    r.QueueSwept(),
    r.MessageBody(b"\0", "g", None, 1, None, HEADERS, ORIGIN, 5),
]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(QUEUES)


def test_the_catalogue_lists_queues() -> None:
    assert QUEUES in KINDS


@pytest.mark.parametrize("event", EVENTS)
def test_events_survive_their_schema(vocabulary: Vocabulary, event: Any) -> None:
    assert vocabulary.decode_event(vocabulary.encode_event(event)) == event


@pytest.mark.parametrize("reply", REPLIES)
def test_replies_survive_their_schema(vocabulary: Vocabulary, reply: Any) -> None:
    assert vocabulary.decode_reply(vocabulary.encode_reply(reply)) == reply


def test_no_message_is_forgotten() -> None:
    assert {type(event) for event in EVENTS} == set(QUEUES.events) == set(get_args(e.Event))
    assert {type(reply) for reply in REPLIES} == set(QUEUES.replies) == {*get_args(r.Reply), r.MessageBody}
    assert {command.type for command in QUEUES.commands} == set(get_args(c.Command))


def test_the_key_is_the_shard_s() -> None:
    assert QUEUES.key_of(c.InspectQueue(NAME, 0)) == NAME
    assert QUEUES.key_of(c.InspectQueue(NAME, 3)) == f"{NAME}#3"

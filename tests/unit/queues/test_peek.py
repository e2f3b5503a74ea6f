"""Peeking, and the bodies that answers name."""

from streams.domain.queues import commands as c
from streams.domain.queues.inspect import attached, shown
from streams.domain.queues.replies import GONE, MessageBody, PeekedMessage
from streams.domain.queues.state import ABSENT
from tests.unit.queues.spec import LEASE, ROUTE, SETTINGS, ack, nack, new, peek, put, queue, take


def test_messages_are_shown_where_they_stand() -> None:
    spec = queue(max_attempts=2, dead_letter_queue="late").when(put(*[new()] * 4, new(delay_ms=9)))
    spec = spec.when(take(3), "c").when(nack((2, 3), delay_ms=0, reason="r"))
    spec = spec.when(nack((3, 3), delay_ms=0)).when(take(1), "d").when(nack((2, 6), reason="s")).when(peek())
    assert spec.reply.messages == (
        PeekedMessage(1, "LEASED", 1, 0, LEASE, "client-c", "", None),
        PeekedMessage(2, "MOVING", 2, 0, 0, "", "s", "late"),
        PeekedMessage(3, "READY", 1, 0, 0, "", "", None),
        PeekedMessage(4, "READY", 0, 0, 0, "", "", None),
        PeekedMessage(5, "DELAYED", 0, 9, 0, "", "", None),
    )
    assert not spec.reply.more


def test_pages() -> None:
    spec = queue().when(put(*[new()] * 5)).when(take(1))
    assert [m.message for m in spec.when(peek("READY", limit=2)).reply.messages] == [2, 3]
    reply = spec.when(peek("READY", after=3, limit=2)).reply
    assert ([m.message for m in reply.messages], reply.more) == ([4, 5], False)
    assert spec.when(peek("READY", limit=2)).reply.more
    assert [m.message for m in spec.when(peek("LEASED")).reply.messages] == [1]
    for limit in (0, 101):
        spec.when(peek(limit=limit)).refuses("BAD_ARGUMENT")


def test_a_page_attaches_480_kib_at_the_most() -> None:
    large = new(bytes(131_072))
    spec = queue(max_bytes=10**8).when(put(large, large, large)).when(put(large, large, large))
    reply = spec.when(peek()).reply
    assert (len(reply.messages), reply.more, reply.next) == (3, True, 3)


def test_bodies_are_attached_in_order() -> None:
    header = (c.Header("h", "v"),)
    origin = c.Origin("old", "old.1.2", "r", 3)
    whole = new(b"1", group="g", key="k", priority=2, dedup_id="d", headers=header, origin=origin)
    spec = queue().at(6).when(put(new(b"0"), whole)).when(take(9))
    bodies = attached(spec.state, spec.reply)
    assert bodies == (
        MessageBody(b"0", None, None, 4, None, (), None, 6),
        MessageBody(b"1", "g", "k", 2, "d", header, origin, 6),
    )


def test_bodies_of_what_is_gone_are_empty() -> None:
    taken = queue().when(put(new(b"0"), new(b"1"))).when(take(9))
    left = taken.when(ack((1, 3)))
    first, second = attached(left.state, taken.reply)
    assert first == GONE
    assert isinstance(second, MessageBody) and second.payload == b"1"
    other = left.when(c.DeleteQueue("orders", 0, True)).when(c.CreateQueue("orders", 0, SETTINGS, ROUTE))
    assert attached(other.when(put(new(b"2"), new(b"3"))).state, taken.reply) == (GONE, GONE)
    assert attached(left.state, left.reply) == ()


def test_no_message_looks_as_if_it_were_gone() -> None:
    barest = queue(default_priority=0).at(0).when(put(new(b""))).when(peek())
    (body,) = attached(barest.state, barest.reply)
    assert isinstance(body, MessageBody)
    assert (body.payload, body.enqueued_at) == (b"", 0)
    assert body != GONE


def test_what_people_are_shown_is_numbers() -> None:
    stats = shown(queue().when(put(new())).state)
    assert stats is not None and stats.messages == 1 and stats.drained
    assert shown(ABSENT) is None

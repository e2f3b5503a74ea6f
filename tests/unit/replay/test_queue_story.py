"""What one message went through is told in order, with who and why, from queue to queue."""

from __future__ import annotations

import pytest

from streams.domain.queues.commands import Origin
from streams.domain.queues.events import (
    Attempt,
    Delay,
    MessagesAcked,
    MessagesDelivered,
    MessagesDied,
    MessagesDue,
    MessagesMoved,
    MessagesRedriven,
)
from streams.replay.errors import MessageUnknown, NeverUsed
from streams.replay.moment import AtEnd, AtTime, Target
from streams.replay.queues.biography import Biographer, Chapter, place_of
from streams.replay.queues.steps import Place
from streams.replay.queues.story import sentences, standing
from tests.unit.replay.queue_logbook import WORDS, QueueBook, enqueued, message
from tests.unit.replay.test_queue_invariants import delivered, died, returned


def lived() -> QueueBook:
    """Message 2 of `orders` fails twice, dies and is moved to `dead`, where it is done."""
    book = QueueBook().begun().create().create("dead")
    book.did("orders", enqueued(1, message(b"other"), message(b"payload", group="g")))
    book.did("orders", delivered(4, (2, 1), client="c"), client="c")
    book.did("orders", returned(2, 1, ready_at=80), client="c", command="NackMessages", at=50)
    book.timer("orders", MessagesDue("", (2,)), at=80)
    book.did("orders", delivered(7, (2, 2), at=90, client="c"), client="b", at=90)
    book.timer("orders", died(2, 2, "dead"), at=1_090)
    origin = Origin("orders", "0.1.2", "no", 2)
    book.did("dead", enqueued(1, message(b"payload", origin=origin), client="mover"), client="mover")
    book.did("orders", MessagesMoved("", (2,)), client="mover", command="ConfirmMoves")
    taken = MessagesDelivered("app", "d", "1", 1, None, "", 2, 11, 9_000, delivered(0, (1, 1)).messages)
    book.did("dead", taken, client="d", command="ReceiveMessages")
    return book.did("dead", MessagesAcked("", (1,)), client="d", command="AckMessages")


async def told(book: QueueBook, place: Place, target: Target | None = None) -> tuple[Chapter, ...]:
    def progress(done: int, total: int) -> None:
        assert done <= total

    return await Biographer(lambda _: book, "dev", WORDS, target or AtEnd(), progress).biography(place)


async def test_one_that_is_redriven_before_its_time_waits_for_it() -> None:
    book = QueueBook().begun().create().did("orders", enqueued(1, message(b"later", ready_at=900)))
    book.did("orders", MessagesDied("", "OVERFLOW", "overflow", (Attempt(1, 0),), None, 0))
    book.did("orders", MessagesRedriven("", (1,), None, (Delay(1, 900),)), command="RedriveMessages", at=400)
    chapters = await told(book, Place("orders", 0, 1, 1))
    assert list(sentences(chapters[0]))[-1].text.endswith(
        "to be delivered here anew, not before 500 ms from here."
    )
    assert standing(chapters) == "delayed until lease time 900"
    assert book.verified().violations == []


STEPS = ["ENQUEUED", "DELIVERED", "RETURNED", "DUE", "DELIVERED", "DIED", "MOVED"]


@pytest.mark.parametrize("place", [Place("orders", 0, 1, 2), Place("dead", 0, 2, 1)], ids=["first", "last"])
async def test_it_is_followed_both_ways(place: Place) -> None:
    chapters = await told(lived(), place)
    assert [(each.place.queue, each.place.id) for each in chapters] == [
        ("orders", "0.1.2"),
        ("dead", "0.2.1"),
    ]
    assert [[step.what for step in each.steps] for each in chapters] == [
        STEPS,
        ["ENQUEUED", "DELIVERED", "ACKED"],
    ]
    assert standing(chapters) == "acknowledged: it never comes back"


async def test_the_sentences_say_who_and_why_and_where_it_stands() -> None:
    orders, dead = [list(sentences(each)) for each in await told(lived(), Place("orders", 0, 1, 2))]
    assert orders[0].text.startswith("Enqueued by app/a/1 (EnqueueMessages, its command 3)")
    assert orders[0].text.endswith("7 bytes, priority 4, group g.")
    assert "Delivered for the 1st time, to app/c/1, under token 4 with a lease of" in orders[1].text
    assert "Given back as failed by app/c/1 (NackMessages, its command 5) (no)" in orders[2].text
    assert "1 attempts count; it may be delivered again after a pause of 30 ms" in orders[2].text
    assert "to app/c/1" in orders[4].text
    assert "who waited; it came about by app/b/1" in orders[4].text
    assert orders[5].text == (
        "A dead letter from here on, on its way to dead: its attempts were used up after 2 (the last one: no). "
        "Decided by the owner's timer."
    )
    assert dead[0].text.startswith(
        "Came from orders, where it was 0.1.2, after 2 attempts (no); brought by app/mover/1"
    )
    positions = [sentence.position.offset for sentence in orders]
    assert positions == sorted(set(positions))


@pytest.mark.parametrize(
    ("commits", "now"),
    [
        (3, "ready to be delivered"), (4, "leased"), (5, "delayed until lease time 80"), (6, "ready to be delivered"),
        (8, "on its way to dead"), (9, "ready to be delivered"), (11, "leased"),
    ],
)  # fmt: skip
async def test_where_it_stood_at_each_moment(commits: int, now: str) -> None:
    book = lived()
    until = AtTime(book.records[1 + commits].timestamp_ms)
    assert standing(await told(book, Place("orders", 0, 1, 2), until)) == now


async def test_a_message_of_the_queue_before_is_another_one() -> None:
    with pytest.raises(MessageUnknown):
        await told(lived(), Place("orders", 0, 9, 2))
    with pytest.raises(NeverUsed):
        await told(lived(), Place("nothing", 0, 1, 1))


@pytest.mark.parametrize("text", ["", "1.2", "0.1.x", "0.1.2.3", "-1.2.3", "0..1", "0.1." + 99 * "9"])
def test_what_is_no_id(text: str) -> None:
    assert place_of("orders", text) is None

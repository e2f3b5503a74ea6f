"""What producers and consumers write down, and which handlers fail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.domain.queues.replies import MessageBody
from tidelock.client.errors import ReceiptInvalid
from tidelock.client.queues.codecs import Json
from tidelock.client.queues.ids import MessageId
from tidelock.client.queues.message import Message
from tidelock.workload.journal import Journal, fails, group_of, payload_of
from tidelock.workload.trace import BlockIo

IO = BlockIo(7, "2a", 512, 8)
ID = MessageId(0, 1, 3)


def message(payload: bytes, group: str | None = "8", attempt: int = 1) -> Message[Any]:
    body, nobody = MessageBody(payload, group, None, 4, None, (), None, 0), cast(Any, None)
    settler = cast(Any, SimpleNamespace(queue="q"))
    return Message(ID, 9, 10, attempt, body, nobody, settler, Json(), nobody, None)


def ours(**changes: Any) -> bytes:
    return Json().encode(payload_of(IO, "r") | changes)


def test_a_message_says_what_the_trace_says() -> None:
    assert payload_of(IO, "r") == {"run": "r", "line": 7, "op": "2a", "size": 512}
    assert group_of(IO) == "8"


def test_the_order_of_all_that_happens_is_kept() -> None:
    journal = Journal.of("r", [IO])
    journal.was_put(7, ID)
    assert journal.open == 1
    first = journal.handed(message(ours()), "c")
    assert first is not None
    journal.ended(first, failed=True)
    journal.settled(first)
    second = journal.handed(message(ours(), attempt=2), "d")
    assert second is not None
    journal.ended(second, failed=False)
    assert (journal.open, second.is_acked) == (1, False)
    journal.settled(second)
    assert (journal.open, first.is_acked, second.is_acked) == (0, False, True)
    assert [first.began, first.ended, first.settled] == [1, 2, 3]
    assert [second.began, second.ended, second.settled] == [4, 5, 6]
    assert journal.handouts == [first, second]


def test_what_is_handled_before_its_put_is_confirmed_is_not_open() -> None:
    journal = Journal.of("r", [IO])
    handout = journal.handed(message(ours()), "c")
    assert handout is not None
    journal.ended(handout, failed=False)
    journal.settled(handout)
    journal.was_put(7, ID)
    assert (journal.open, journal.acked) == (0, {7})


def test_what_was_not_confirmed_stays_open() -> None:
    journal = Journal.of("r", [IO])
    journal.was_put(7, ID)
    handout = journal.handed(message(ours()), "c")
    assert handout is not None
    journal.ended(handout, failed=False)
    journal.settled(handout, ReceiptInvalid("late"))
    assert (journal.open, handout.problem, handout.is_acked) == (1, "RECEIPT_INVALID", False)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff", b"[]", b"7", ours(run="another"), ours(line=8), ours(line=None), ours(line=[7]), b"{}"],
)
def test_messages_of_others_are_counted_apart(payload: bytes) -> None:
    journal = Journal.of("r", [IO])
    assert journal.handed(message(payload), "c") is None
    assert (journal.foreign, journal.handouts) == (1, [])


@pytest.mark.parametrize(
    ("payload", "group"), [(ours(size=513), "8"), (ours(), "9"), (ours(), None), (ours(more=1), "8")]
)
def test_what_is_not_as_it_was_put_is_noted(payload: bytes, group: str | None) -> None:
    handout = Journal.of("r", [IO]).handed(message(payload, group), "c")
    assert handout is not None
    assert handout.altered


def test_so_many_handlers_fail_and_always_the_same() -> None:
    failing = {line for line in range(100_000) if fails(line, 1, 0.01)}
    assert 850 < len(failing) < 1_150
    assert failing == {line for line in range(100_000) if fails(line, 1, 0.01)}
    assert failing != {line for line in range(100_000) if fails(line, 2, 0.01)}
    assert not any(fails(line, 1, 0.0) for line in range(1_000))

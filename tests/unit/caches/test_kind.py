"""The catalogue's entry for caches is complete, and every message survives its schema."""

from typing import Any, get_args

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches import events as e
from streams.domain.caches import replies as r
from streams.domain.caches.kind import CACHES
from streams.log.vocabulary import Vocabulary
from tests.unit.caches.spec import NAME, SETTINGS

CALL = e.LineCall(1, "INVALIDATE", "x", 1 << 50)
EVENTS: list[Any] = [
    e.CacheCreated(1 << 50, SETTINGS),
    e.CacheConfigured(2, SETTINGS),
    e.CacheClosing(3),
    e.CacheDeleted(),
    e.ListenerJoined("p", "c", 1, 2, "s", 3),
    e.ListenerHeard("p", "c", 1, 2, 3, 4, 5, (6, 7)),
    e.LinesCalled("p", "c", 1, 2, 3, 4, (CALL, e.LineCall(2, "RESET", "", 0))),
    e.ListenEnded("p", "c", 1, 2),
    e.ListenerGone("p", "c", 1, 2, "s", "REJOINED", "w"),
    e.LinesDropped((e.HeldLine(1, 2),)),
    e.LineLost("p", "c", "s", 1, "x", 2, "DROPPED"),
    e.LineGranted("p", "c", 1, 2, 3, "x", 4, "SHARED", 5, 6, 7),
    e.WaitStarted("p", "c", 1, 2, "x", "WRITE", 3, "MODIFIED", 4, b"\0", ("t",), 5, -1, False, 6),
    e.WaitStarted("p", "c", 1, 2, "x", "READ", 3, "SHARED", 4, None, (), 5, -1, True, 6),
    e.WaitEnded("p", "c", 1, 2, "x", "CONFLICT", 3),
    e.ChangeStarted("x", "RECALL", 1, 2),
    e.EntryWritten("p", "c", 1, 2, "x", 3, "FILLED", 4, "EXCLUSIVE", b"\0", ("t",), 5, 6, 7),
    e.EntryWrittenBack(1, "x", 2, "INVALID", None, 3),
    e.EntryDeleted("p", "c", 1, 2, "x", 3),
    e.EntriesRemoved(("x", "y"), "EVICTED"),
    e.EntriesWarmed(1, (e.WarmEntry("x", b"\0", ("t",), 2, 3),)),
    e.FillStarted("p", "c", 1, 2, 3, "x", 4, 5),
    e.FillEnded("x", 1, "TIMED_OUT", "r"),
    e.TagInvalidated("p", "c", 1, 2, "t"),
    e.TagCleared("p", "c", 1, 2, "t", 3),
]
SHOWN = r.ShownLine("p", "c", "s", 1, "SHARED", 2, 3)
REPLIES: list[Any] = [
    r.CacheOpened(1, 2, existed=True),
    r.CacheChanged(1),
    r.CacheRemoved(1),
    r.Listening(1, 2, 3, SETTINGS),
    r.Calls(1, 2, 3, 4),
    r.Stopped(),
    r.CacheWaiting(1),
    r.EntryRead("x", True, 1, 2, 3, "EXCLUSIVE", 4, 5),
    r.FillGranted("x", 1, 2),
    r.EntryStored("x", 1, 2, 3, "MODIFIED", 4, 5),
    r.EntryGone("x", 1),
    r.FillDropped(),
    r.TagGone("t", 1),
    r.EntriesTaken(1, 2),
    r.WaitWithdrawn(True),
    r.EntryView("x", True, 1, 2, ("t",), 3, (SHOWN,), 1, "FILL", 0, 4),
    r.CacheStats(1, 2, SETTINGS, False, 3, 4, 5, 6, 7, 8, 9, 10, 11),
    r.CacheSwept(),
    r.EntryValue(b"\0", ("t",), gone=False),
    CALL,
]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary(CACHES)


@pytest.mark.parametrize("event", EVENTS)
def test_events_survive_their_schema(vocabulary: Vocabulary, event: Any) -> None:
    assert vocabulary.decode_event(vocabulary.encode_event(event)) == event


@pytest.mark.parametrize("reply", REPLIES)
def test_replies_survive_their_schema(vocabulary: Vocabulary, reply: Any) -> None:
    assert vocabulary.decode_reply(vocabulary.encode_reply(reply)) == reply


def test_no_message_is_forgotten() -> None:
    assert {type(event) for event in EVENTS} == set(CACHES.events) == set(get_args(e.Event))
    expected = {*get_args(r.Reply), *get_args(r.Attached)}
    assert {type(reply) for reply in REPLIES} == set(CACHES.replies) == expected
    assert {command.type for command in CACHES.commands} == set(get_args(c.Command))


def test_only_looking_is_not_remembered() -> None:
    forgotten = {spec.type for spec in CACHES.commands if not spec.deduplicated}
    assert forgotten == {c.InspectEntry, c.InspectCache}


def test_the_key_is_the_shard_s() -> None:
    assert CACHES.key_of(c.InspectCache(NAME, 0)) == NAME
    assert CACHES.key_of(c.ReadEntry(NAME, 3, "x", 0, False, 0)) == f"{NAME}#3"

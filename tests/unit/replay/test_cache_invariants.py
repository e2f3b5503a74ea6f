"""The verifier on caches: a sound log holds, and every planted violation is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from streams.domain.caches import events as e
from streams.domain.caches import replies as r
from streams.domain.caches.commands import LineState
from streams.domain.caches.kind import CACHES
from streams.domain.caches.settings import CacheSettings
from streams.log.vocabulary import Vocabulary
from tests.unit.replay.kind_logbook import KindBook

WORDS = Vocabulary(CACHES)
LEASE = 10_000
SETTINGS = CacheSettings("STRICT", "BACK", 100, 10_000, 1_000, 0, LEASE, 5_000)
A, B = 2, 3
"""Attachments of clients a and b in `joined`."""


class CacheBook(KindBook):
    """One partition's log of the cache `prices` in the making, entry `x`."""

    def __init__(self) -> None:
        super().__init__(CACHES, WORDS)

    def on(self, *events: Any, **options: Any) -> CacheBook:
        return self.did("prices", *events, **options)

    def ticked(self, *events: Any, at: int | None = None) -> CacheBook:
        return self.timer("prices", *events, at=at)

    def create(self, **changed: Any) -> CacheBook:
        return self.on(e.CacheCreated(self.number + 1, replace(SETTINGS, **changed)))

    def join(self, client: str, session: str = "", expires_at: int = LEASE, **options: Any) -> CacheBook:
        event = e.ListenerJoined("app", client, 1, self.number + 1, session, expires_at)
        return self.on(event, client=client, session=session or None, **options)

    def hear(
        self, attachment: int, after: int, client: str, expires_at: int = LEASE, dropped: tuple[int, ...] = (),
        at: int | None = None,
    ) -> CacheBook:  # fmt: skip
        event = e.ListenerHeard("app", client, attachment, after, expires_at, 0, 0, dropped)
        return self.on(event, client=client, at=at)

    def grant(
        self, attachment: int, state: LineState, client: str, version: int, **changed: Any
    ) -> CacheBook:
        event = e.LineGranted("app", client, 1, 0, attachment, "x", self.number + 1, state, version, 0, 0)
        return self.on(replace(event, **changed), client=client)

    def put(
        self,
        client: str = "a",
        attachment: int = 0,
        state: LineState = "INVALID",
        *before: Any,
        **changed: Any,
    ) -> CacheBook:
        token = self.number + len(before) + 1
        event = e.EntryWritten(
            "app", client, 1, 0, "x", token, "WRITTEN", attachment, state, b"v", (), 0, 0, 0
        )
        return self.on(*before, replace(event, **changed), client=client)

    def call(
        self,
        attachment: int,
        kind: e.CallKind,
        token: int,
        number: int = 1,
        client: str = "b",
        after: int = 0,
    ) -> Any:
        calls = (e.LineCall(number, kind, "x", token),)
        return e.LinesCalled("app", client, 0, attachment, after, self._lease_ms, calls)

    def wait(self, client: str, request: e.Request = "WRITE", until: int = 900) -> CacheBook:
        ticket = self.number + 1
        event = e.WaitStarted(
            "app", client, 1, ticket, "x", request, 0, "INVALID", 0, b"w", (), 0, -1, False, until
        )
        return self.on(event, reply=r.CacheWaiting(ticket), client=client, waiting=True)

    def back(self, attachment: int, client: str, state: LineState = "SHARED") -> CacheBook:
        event = e.EntryWrittenBack(attachment, "x", self.number + 1, state, b"b", 0)
        return self.on(event, client=client)


def joined(**changed: Any) -> CacheBook:
    """Clients a and b listen; `x` was written (4)."""
    return CacheBook().begun().create(**changed).join("a").join("b").put()


def shared() -> CacheBook:
    """Both have a line of `x`: a's is 5, b's is 7."""
    made = joined().grant(A, "EXCLUSIVE", "a", 4)
    call = made.call(A, "SHARE", 5, client="a")
    made.on(call, e.LineGranted("app", "b", 1, 0, B, "x", 7, "SHARED", 4, 0, 0), client="b")
    return made


def modified() -> CacheBook:
    """Client a has `x` Modified: token 5."""
    return joined().put("a", A, "MODIFIED")


def changing() -> CacheBook:
    """Client a waits (8) to write `x`; the line of b was called (10), that of a it gave up itself."""
    made = shared().wait("a")
    return made.ticked(e.ChangeStarted("x", "WRITE", 8, A), made.call(B, "INVALIDATE", 7))


def loading() -> CacheBook:
    """Client a loads `x`: token 4, until 5,000."""
    made = CacheBook().begun().create().join("a").join("b")
    return made.on(e.FillStarted("app", "a", 1, 0, A, "x", 4, 5_000), client="a")


def gone(made: CacheBook, attachment: int, client: str, cause: e.ListenerEnd, session: str = "") -> CacheBook:
    event = e.ListenerGone("app", client, 0, attachment, session, cause, "")
    return made.ticked(event) if cause in ("LEASE_OVER", "SESSION_ENDED") else made.on(event, client=client)


def sound() -> CacheBook:
    """A strict write, a recall, a loss with its session, a load, an eviction, an expiry, an end."""
    made = changing().hear(B, 1, "b", LEASE + 5, at=5)
    made.ticked(e.EntryWritten("app", "a", 1, 8, "x", 12, "WRITTEN", A, "MODIFIED", None, (), 0, 0, 0))
    made.wait("b", "READ").ticked(
        e.ChangeStarted("x", "RECALL", 0, 0), made.call(A, "WRITE_BACK", 12, 2, "a")
    )
    made.back(A, "a").ticked(e.LineGranted("app", "b", 1, 13, B, "x", 17, "SHARED", 16, 0, 0))
    made.ticked(e.ChangeStarted("x", "EVICT", 0, 0), made.call(A, "INVALIDATE", 16, 3, "a"))
    made.ticked(made.call(B, "INVALIDATE", 17, 2, after=1), at=20)
    return made


def test_a_sound_log_holds_and_is_counted() -> None:
    made = sound().hear(A, 3, "a").hear(B, 2, "b", LEASE + 20).ticked(e.EntriesRemoved(("x",), "EVICTED"))
    made.on(e.FillStarted("app", "b", 1, 0, B, "x", made.number + 1, 5_020), client="b")
    made.put("b", B, "EXCLUSIVE", cause="FILLED", expires_at=90).timer("prices", at=90)
    made.ticked(e.EntriesRemoved(("x",), "EXPIRED")).join("c", "n1:1", expires_at=LEASE + 90)
    attachment = made.number
    made.put("c", attachment, "MODIFIED").ended("n1:1")
    gone(made, attachment, "c", "SESSION_ENDED", "n1:1")
    made.ticked(e.LineLost("app", "c", "n1:1", attachment, "x", attachment + 1, "SESSION_ENDED"))
    made.on(e.CacheClosing(1))
    gone(made, A, "a", "LEFT")
    made.timer("prices", at=LEASE + 20)
    gone(made, B, "b", "LEASE_OVER").ticked(e.CacheDeleted())
    report = made.verified()
    assert report.violations == []
    assert report.counts == {
        "caches": 0, "grants": 3, "calls": 5, "writes": 4, "written_back": 1, "lost": 1, "entries": 0, "lines": 0,
        "listeners": 0,
    }  # fmt: skip


def test_a_relaxed_change_waits_for_nobody() -> None:
    made = joined(mode="RELAXED").grant(B, "EXCLUSIVE", "b", 4)
    assert made.put("a", 0, "INVALID", made.call(B, "INVALIDATE", 5)).verified().ok
    made = joined().grant(B, "EXCLUSIVE", "b", 4)
    made.put("a", 0, "INVALID", made.call(B, "INVALIDATE", 5))
    assert made.verified().codes == {"UNACKNOWLEDGED": 1}


def test_who_is_gone_is_waited_for_no_longer() -> None:
    def finished(made: CacheBook) -> CacheBook:
        token = made.number + 1
        return made.ticked(
            e.EntryWritten("app", "a", 1, 8, "x", token, "WRITTEN", 0, "INVALID", None, (), 0, 0, 0)
        )

    assert finished(changing()).verified().codes == {"UNACKNOWLEDGED": 1}
    assert finished(changing().hear(B, 1, "b")).verified().ok
    assert finished(gone(changing(), B, "b", "LEFT")).verified().ok
    reset = changing().ticked(e.LinesCalled("app", "b", 0, B, 0, 0, (e.LineCall(2, "RESET", "", 11),)))
    assert finished(reset.hear(B, 2, "b")).verified().codes == {"UNACKNOWLEDGED": 1}


PLANTED: dict[str, tuple[str, Callable[[], CacheBook]]] = {
    "two own a line": ("CONFLICT", lambda: modified().grant(B, "SHARED", "b", 5)),
    "exclusive beside another": (
        "CONFLICT",
        lambda: shared().grant(A, "EXCLUSIVE", "a", 4),
    ),
    "a read past a Modified line": ("CONFLICT", lambda: modified().grant(0, "INVALID", "b", 5)),
    "a line of another's value": ("STALE", lambda: joined().grant(A, "EXCLUSIVE", "a", 1)),
    "a line of no value": ("STALE", lambda: loading().grant(A, "SHARED", "a", 0)),
    "a grant during a change": ("CHANGING", lambda: changing().grant(A, "SHARED", "a", 4)),
    "a token is not its number": ("TOKEN", lambda: joined().grant(A, "EXCLUSIVE", "a", 4, token=99)),
    "a version is not its number": ("TOKEN", lambda: joined().put(token=99)),
    "a ticket is not its number": (
        "TOKEN",
        lambda: joined().on(
            e.WaitStarted("app", "a", 1, 9, "x", "READ", 0, "INVALID", 0, None, (), 0, -1, False, 9)
        ),
    ),
    "a line for another's attachment": ("STOLEN", lambda: joined().grant(A, "EXCLUSIVE", "b", 4)),
    "a line for nobody": ("NO_SUCH_LISTENER", lambda: joined().grant(77, "EXCLUSIVE", "b", 4)),
    "a strict write while others have lines": ("CONFLICT", lambda: shared().put("c")),
    "a strict deletion before the acknowledgement": (
        "UNACKNOWLEDGED",
        lambda: changing().ticked(e.EntryDeleted("app", "a", 1, 8, "x", 4)),
    ),
    "a change during a change": (
        "CHANGING",
        lambda: changing().ticked(e.ChangeStarted("x", "EVICT", 0, 0)),
    ),
    "written back by who lost it": ("NO_SUCH_LINE", lambda: shared().back(A, "a")),
    "written back by another": ("STOLEN", lambda: modified().back(A, "b")),
    "kept while it is recalled": (
        "CHANGING",
        lambda: modified().ticked(e.ChangeStarted("x", "RECALL", 0, 0)).back(A, "a", "EXCLUSIVE"),
    ),
    "recalled from nobody": ("NO_SUCH_LINE", lambda: shared().ticked(e.ChangeStarted("x", "RECALL", 0, 0))),
    "a Modified line is dropped": ("LOST", lambda: modified().hear(A, 0, "a", dropped=(5,))),
    "a Modified line expires": (
        "LOST",
        lambda: (
            joined().put("a", A, "MODIFIED", expires_at=9).timer("prices", at=9)
            .ticked(e.EntriesRemoved(("x",), "EXPIRED"))
        ),
    ),
    "a clean line is lost": (
        "NO_SUCH_LINE",
        lambda: shared().ticked(e.LineLost("app", "a", "", A, "x", 5, "DROPPED")),
    ),
    "a line is lost of who listens": (
        "EARLY",
        lambda: modified().ticked(e.LineLost("app", "a", "", A, "x", 5, "LEASE_OVER")),
    ),
    "a line of who listens is dropped": (
        "EARLY",
        lambda: shared().ticked(e.LinesDropped((e.HeldLine(B, 7),))),
    ),
    "a line that is not there is dropped": ("NO_SUCH_LINE", lambda: shared().hear(B, 0, "b", dropped=(9,))),
    "called for a line that it has not": (
        "NO_SUCH_LINE",
        lambda: (made := joined()).ticked(made.call(B, "INVALIDATE", 7)),
    ),
    "a call is left out": ("CALLS", lambda: (made := shared()).ticked(made.call(B, "INVALIDATE", 7, 2))),
    "what was not called is acknowledged": ("CALLS", lambda: shared().hear(B, 1, "b")),
    "a lease beyond its bound": ("LEASE", lambda: shared().hear(B, 0, "b", LEASE + 1)),
    "a lease is shortened": ("LEASE", lambda: shared().hear(B, 0, "b", LEASE - 1)),
    "a lease goes on without an acknowledgement": (
        "LEASE",
        lambda: changing().hear(B, 0, "b", LEASE + 7, at=7),
    ),
    "a lease at joining beyond its bound": ("LEASE", lambda: joined().join("c", expires_at=LEASE + 1)),
    "joined twice": ("CONFLICT", lambda: joined().join("a")),
    "joined for an ended session": ("SESSION_OVER", lambda: joined().ended("n1:1").join("c", "n1:1")),
    "gone before its lease": ("EARLY", lambda: gone(joined(), A, "a", "LEASE_OVER")),
    "gone with a live session": ("EARLY", lambda: gone(joined().join("c", "n1:1"), 5, "c", "SESSION_ENDED", "n1:1")),
    "made to leave by another": (
        "STOLEN",
        lambda: joined().on(e.ListenerGone("app", "a", 0, A, "", "LEFT", ""), client="b"),
    ),
    "heard after it left": ("NO_SUCH_LISTENER", lambda: gone(joined(), A, "a", "LEFT").hear(A, 0, "a")),
    "heard for another": ("STOLEN", lambda: joined().hear(A, 0, "b")),
    "two load one entry": (
        "CONFLICT",
        lambda: loading().on(e.FillStarted("app", "b", 1, 0, B, "x", 5, 9_000), client="b"),
    ),
    "filled by who was not to load": ("STOLEN", lambda: loading().put("b", cause="FILLED")),
    "a load ends early": (
        "EARLY",
        lambda: loading().ticked(e.FillEnded("x", 4, "TIMED_OUT", ""), at=4_999),
    ),
    "a load ends twice": ("NO_SUCH_LEASE", lambda: joined().ticked(e.FillEnded("x", 4, "FAILED", ""))),
    "warmed over a value": (
        "CHANGING",
        lambda: joined().on(e.EntriesWarmed(5, (e.WarmEntry("x", b"w", (), 0, 0),))),
    ),
    "expired early": ("EARLY", lambda: joined().ticked(e.EntriesRemoved(("x",), "EXPIRED"))),
    "a wait ends twice": (
        "NO_SUCH_WAIT",
        lambda: joined().ticked(e.WaitEnded("app", "a", 1, 9, "x", "MISSING", 0)),
    ),
    "a wait times out early": (
        "EARLY",
        lambda: joined().wait("a").ticked(e.WaitEnded("app", "a", 1, 5, "x", "TIMED_OUT", 0), at=899),
    ),
    "a wait is settled for another": (
        "STOLEN",
        lambda: joined().wait("a").ticked(e.WaitEnded("app", "b", 1, 5, "x", "MISSING", 0)),
    ),
    "deleted while others trust it": (
        "EARLY",
        lambda: joined().on(e.CacheClosing(1)).ticked(e.CacheDeleted()),
    ),
    "created twice": ("CONFLICT", lambda: joined().create()),
    "a read of what is not in force": (
        "STALE",
        lambda: joined().on(reply=r.EntryRead("x", True, 3, 0, 0, "INVALID", 0, 0)),
    ),
    "said to listen longer": (
        "REPLY",
        lambda: joined().on(reply=r.Listening(A, LEASE + 1, 0, SETTINGS), waiting=True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("flaw", PLANTED)
def test_a_planted_violation_is_found(flaw: str) -> None:
    code, made = PLANTED[flaw]
    assert code in made().verified().codes


def test_what_is_not_planted_is_sound() -> None:
    for made in (joined(), shared(), modified(), changing(), loading(), sound()):
        assert made.verified().violations == []

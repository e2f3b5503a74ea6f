"""The verifier on nodes: a sound log holds, and every planted violation is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.domain.nodes.kind import NODES
from streams.domain.nodes.limits import QUIET_MS
from streams.domain.nodes.replies import NodeJoined, Watching
from streams.log.vocabulary import Vocabulary
from tests.unit.nodes.spec import sealed
from tests.unit.replay.kind_logbook import KindBook

WORDS = Vocabulary(NODES)
TIMEOUT = 5_000
REGISTRATION = c.Registration("10.0.0.1:80", "", (), 8, (), TIMEOUT)
SERVICE = "service:pay"
SETTINGS = c.BrakeSettings(50, 3, 10_000, 0, armed=True)


def ours(text: str) -> str:
    return sealed(text, "app")


SESSION = ours("n1:1")


class NodeBook(KindBook):
    """One partition's log of nodes in the making. The sessions of a node are named by their tokens."""

    def __init__(self) -> None:
        super().__init__(NODES, WORDS)

    def join(self, name: str = "n1", at: int | None = None, client: str = "a", **changed: Any) -> NodeBook:
        now = self._lease_ms if at is None else at
        token = self.number + 1
        event = e.NodeRegistered(name, ours(f"{name}:{token}"), token, "app", client, now, REGISTRATION)
        joined = NodeJoined(ours(f"{name}:{token}"), TIMEOUT, TIMEOUT // 5, existed=False)
        return self.did(name, replace(event, **changed), reply=joined, client=client, at=at)

    def beat(self, *beats: tuple[str, int], at: int) -> NodeBook:
        made = tuple([e.Beat(name, token, 0, "PASSING") for name, token in beats])
        return self.timer(beats[0][0], e.NodesHeard(at, made), at=at)

    def suspect(self, session: str, heard_at: int, beats: int, at: int) -> NodeBook:
        evidence = e.Evidence(heard_at, at - heard_at, beats, TIMEOUT // 5)
        return self.timer(session.partition(":")[0], e.NodeSuspected(session, evidence), at=at)

    def die(self, session: str, heard_at: int, at: int, beats: int = 0, **changed: Any) -> NodeBook:
        evidence = e.Evidence(heard_at, at - heard_at, beats, TIMEOUT // 5)
        event = e.NodeDied(session, "SILENT", self.number + 1, at, evidence, 1, 0)
        return self.timer(session.partition(":")[0], replace(event, **changed), at=at)

    def leave(self, session: str, cause: e.EndCause = "LEFT", **options: Any) -> NodeBook:
        event = e.NodeLeft(session, cause, self.number + 1, self._lease_ms, "app", "", 0)
        return self.did(session.partition(":")[0], event, **options)

    def sweep(self, session: str, cause_id: int) -> NodeBook:
        return self.did(session.partition(":")[0], e.SessionSwept(session, cause_id, 4), client="sweeper")

    def offer(
        self,
        instance: str = "i1",
        session: str = SESSION,
        principal: str = "app",
        **options: Any,
    ) -> NodeBook:
        made = e.Instance(instance, session, principal, "", "", 1, (), 2, 3, True, "", False, self.number + 1)
        options.setdefault("session", session)
        return self.did(SERVICE, e.InstanceRegistered(made), **options)

    def left(
        self, whose: str, *names: str, cause: e.LeaveCause = "SESSION_ENDED", **options: Any
    ) -> NodeBook:
        event = e.InstancesLeft(whose, cause, "", names, self.number + 1)
        return self.did(SERVICE, event, client=options.pop("client", ""), **options)


def book() -> NodeBook:
    return NodeBook().begun()


def dead() -> NodeBook:
    """The node `n1` joined (1), was suspected (2), and died (3) at 5,000."""
    return book().join(at=0).suspect(SESSION, 0, 0, at=2_500).die(SESSION, 0, at=5_000)


def pulled(made: NodeBook, release_at: int = 0) -> NodeBook:
    return made.did("brake", e.BrakePulled(made._lease_ms, release_at, "app", "x"))


def watching(made: NodeBook) -> NodeBook:
    ticket = made.number + 1
    event = e.WatchStarted("app", "a", "1", made._sequence + 1, ticket, 0, 900)
    return made.did(SERVICE, event, reply=Watching(ticket, 0), waiting=True)


def sound() -> NodeBook:
    """Beats that clear a suspicion, a death, a sweep, a restart, an instance taken over, the end of all, and quiet."""
    made = book().join(at=0).join("n2", at=0).beat(("n1", 1), ("n2", 2), at=900)
    made.suspect(SESSION, 900, 1, at=3_400).beat(("n1", 1), ("n2", 2), at=3_500)
    made.offer().offer("i2").leave(ours("n2:2"), client="a").sweep(ours("n2:2"), 8)
    made.suspect(SESSION, 3_500, 2, at=6_100).die(SESSION, 3_500, 8_500, beats=2).ended(SESSION)
    made.left(SESSION, "i1").join(at=8_600, client="b").offer(
        "i2", session=ours(f"n1:{made.number}"), client="b"
    )
    made.sweep(SESSION, 11)
    pulled(made).did("brake", e.BrakeReleased("app", "y", 9_000))
    session = ours(f"n1:{14}")
    made.did("n1", e.NodeDrained(session, "op", "")).did("n1", e.NodeUndrained(session, "op"))
    made.leave(session, "EVICTED", client="op").sweep(session, made.number)
    return made.timer("n1", e.NodeForgotten(), at=8_600 + QUIET_MS)


def test_a_sound_log_holds_and_is_counted() -> None:
    report = sound().verified()
    assert report.violations == []
    assert report.counts == {
        "nodes": 0, "registrations": 3, "deaths": 1, "sweeps": 3, "unswept": 0, "instances": 1, "watching": 0,
    }  # fmt: skip


def test_who_fell_silent_under_the_brake_is_swept_once_it_is_back_or_the_brake_released() -> None:
    def silent() -> NodeBook:
        made = pulled(book().join(at=0)).suspect(SESSION, 0, 0, at=2_500)
        return made.die(SESSION, 0, at=5_000)

    assert silent().sweep(SESSION, 4).verified().codes == {"BRAKED": 1}
    assert silent().join(client="b").sweep(SESSION, 4).verified().ok
    assert silent().did("brake", e.BrakeReleased("app", "y", 0)).sweep(SESSION, 4).verified().ok
    assert pulled(dead()).sweep(SESSION, 3).verified().ok


def test_an_ended_session_that_may_be_forgotten_is_not_held_against_anybody() -> None:
    for deadline_ms, ok in ((500, False), (501, True)):
        made = book().ended(SESSION, forget_ms=500)
        made.offer(deadline_ms=deadline_ms)
        assert made.verified().ok is ok
    other = book().ended(SESSION, tenant="other").offer()
    assert other.verified().ok


PLANTED: dict[str, tuple[str, Callable[[], NodeBook]]] = {
    "heard after its death": ("NO_SUCH_SESSION", lambda: dead().beat(("n1", 1), at=5_100)),
    "heard by an earlier session's token": (
        "NO_SUCH_SESSION",
        lambda: dead().join(at=5_100).beat(("n1", 1), at=5_200),
    ),
    "a node that never was is heard": ("NO_SUCH_SESSION", lambda: book().beat(("n9", 1), at=1)),
    "one node twice in a list": (
        "EVIDENCE",
        lambda: book().join(at=0).beat(("n1", 1), ("n1", 1), at=1),
    ),
    "a beat from another time": (
        "EVIDENCE",
        lambda: book().join(at=0).timer("n1", e.NodesHeard(5, (e.Beat("n1", 1, 0, "PASSING"),)), at=9),
    ),
    "a token is not its number": ("TOKEN", lambda: book().join(token=7)),
    "a session is not named by its token": ("TOKEN", lambda: book().join(session=ours("n1:7"))),
    "two sessions of a node": ("CONFLICT", lambda: book().join().join(client="b")),
    "registered for another": ("STOLEN", lambda: book().join(principal="other", session=sealed("n1:1", "other"))),
    "registered while it may not": (
        "EARLY",
        lambda: (
            book().join(at=0).suspect(SESSION, 0, 0, at=2_500).die(SESSION, 0, at=5_000, barred_until=9_000)
            .join(at=8_999)
        ),
    ),
    "suspected too early": ("EARLY", lambda: book().join(at=0).suspect(SESSION, 0, 0, at=2_499)),
    "dead too early": (
        "EARLY",
        lambda: book().join(at=0).suspect(SESSION, 0, 0, at=2_500).die(SESSION, 0, at=4_999),
    ),
    "dead without suspicion": ("EVIDENCE", lambda: book().join(at=0).die(SESSION, 0, at=5_000)),
    "dead though it was heard": (
        "EVIDENCE",
        lambda: (
            book().join(at=0).suspect(SESSION, 0, 0, at=2_500).beat(("n1", 1), at=4_000)
            .suspect(SESSION, 4_000, 1, at=6_500).die(SESSION, 0, at=9_100)
        ),
    ),
    "dead twice": ("NO_SUCH_SESSION", lambda: dead().die(SESSION, 0, at=5_000)),
    "an end with another id": (
        "TOKEN",
        lambda: book().join(at=0).suspect(SESSION, 0, 0, at=2_500).die(SESSION, 0, at=5_000, cause_id=9),
    ),
    "left by another": ("STOLEN", lambda: book().join().leave(SESSION, client="b")),
    "replaced by another principal": (
        "STOLEN",
        lambda: book().join().leave(SESSION, "REPLACED", principal="other"),
    ),
    "changed by another": (
        "STOLEN",
        lambda: book().join().did("n1", e.NodeChanged(SESSION, REGISTRATION), client="b"),
    ),
    "checked for a dead session": (
        "NO_SUCH_SESSION",
        lambda: dead().did("n1", e.NodeChecked(SESSION, ())),
    ),
    "swept while it is live": ("NO_SUCH_SESSION", lambda: book().join().sweep(SESSION, 1)),
    "swept twice": ("NO_SUCH_SESSION", lambda: dead().sweep(SESSION, 3).sweep(SESSION, 3)),
    "swept for another cause": ("EVIDENCE", lambda: dead().sweep(SESSION, 2)),
    "forgotten unswept": ("NO_SUCH_SESSION", lambda: dead().timer("n1", e.NodeForgotten(), at=QUIET_MS * 2)),
    "forgotten too early": (
        "EARLY",
        lambda: dead().sweep(SESSION, 3).timer("n1", e.NodeForgotten(), at=4_999 + QUIET_MS),
    ),
    "a session that is not there is answered": (
        "REPLY",
        lambda: book().did("n1", reply=NodeJoined(SESSION, TIMEOUT, 1_000, existed=True)),
    ),
    "an instance of an ended session": ("SESSION_OVER", lambda: book().ended(SESSION).offer()),
    "an instance for another's session": ("STOLEN", lambda: book().offer(session=SESSION, principal="x")),
    "an instance is taken by another node": (
        "CONFLICT",
        lambda: book().offer().offer(session=ours("n2:9")),
    ),
    "an instance is taken back by an earlier session": (
        "CONFLICT",
        lambda: book().offer(session=ours("n1:9")).offer(session=SESSION),
    ),
    "instances leave with a live session": ("EARLY", lambda: book().offer().left(SESSION, "i1")),
    "instances leave that are another's": (
        "NO_SUCH_INSTANCE",
        lambda: book().offer(session=ours("n2:9")).ended(SESSION).left(SESSION, "i1"),
    ),
    "an instance is withdrawn by another": (
        "STOLEN",
        lambda: book().offer().left(SESSION, "i1", cause="DEREGISTERED", client="b", session=ours("n2:2")),
    ),
    "an instance that is not there changes": (
        "NO_SUCH_INSTANCE",
        lambda: book().did(SERVICE, e.InstanceHealthChanged("i1", False, "", 1), session=SESSION),
    ),
    "another's instance changes": (
        "STOLEN",
        lambda: book().offer().did(SERVICE, e.InstanceHealthChanged("i1", False, "", 2), session=ours("n2:9")),
    ),
    "a version is not its number": (
        "TOKEN",
        lambda: book().offer().did(SERVICE, e.InstanceHealthChanged("i1", False, "", 9), session=SESSION),
    ),
    "a watch ends twice": (
        "NO_SUCH_WAIT",
        lambda: book().timer(SERVICE, e.WatchEnded("app", "a", "1", 1, 1, "CHANGED", 0)),
    ),
    "a watch times out early": (
        "EARLY",
        lambda: watching(book()).timer(SERVICE, e.WatchEnded("app", "a", "1", 1, 1, "TIMED_OUT", 0), at=899),
    ),
    "a watch is settled for another": (
        "STOLEN",
        lambda: watching(book()).timer(SERVICE, e.WatchEnded("app", "b", "1", 1, 1, "CHANGED", 0)),
    ),
    "a watch that is none is said to wait": (
        "REPLY",
        lambda: book().did(SERVICE, reply=Watching(1, 0), waiting=True),
    ),
    "pulled twice": ("BRAKED", lambda: pulled(pulled(book()))),
    "released and not pulled": ("BRAKED", lambda: book().did("brake", e.BrakeReleased("app", "", 0))),
    "released by itself too early": (
        "EARLY",
        lambda: pulled(book(), 100).timer("brake", e.BrakeReleased("", "", 0), at=99),
    ),
    "released by itself though it never should be": (
        "EARLY",
        lambda: (
            pulled(book(), 100).did("brake", e.BrakeConfigured(SETTINGS, 0))
            .timer("brake", e.BrakeReleased("", "", 0), at=200)
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("flaw", PLANTED)
def test_a_planted_violation_is_found(flaw: str) -> None:
    code, made = PLANTED[flaw]
    report = made().verified()
    assert code in report.codes.keys() <= {code, "REPLY"}, report.violations

"""Joining, renewing, acknowledging, lagging, leaving; and the end of a session."""

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches import events as e
from streams.domain.caches.inspect import sessions_of
from streams.domain.caches.replies import Calls, Listening, Stopped
from tests.unit.caches.spec import LEASE, NAME, SETTINGS, Spec, cache


def test_to_join_is_to_wait_for_calls_with_a_lease() -> None:
    spec = cache().at(7).join("a").then(e.ListenerJoined)
    spec.answers(Listening(2, 7 + LEASE, 0, SETTINGS), waiting=True).due(7 + LEASE)


def test_a_listen_ends_the_one_that_stood_and_the_lease_goes_on() -> None:
    spec = cache().join("a").at(3_000).listen("a").then(e.ListenerHeard).settles(("a", 1, []))
    spec.answers(Listening(2, 3_000 + LEASE, 0, SETTINGS), waiting=True).due(3_000 + LEASE)


def test_calls_that_came_meanwhile_are_told_at_once() -> None:
    spec = cache().join("a").write("x", b"1", keep="EXCLUSIVE").write("y", b"1", keep="EXCLUSIVE")
    spec = spec.write("x", b"2", "w").settles(("a", 1, ["INVALIDATE x"])).write("y", b"2", "w").settles()
    spec = spec.at(50).listen("a", after=1).calls("INVALIDATE y")
    assert spec.reply == Calls(2, 2, 2, LEASE)  # not longer than a lease since the call that is left
    spec.listen("a", after=2).settles(("w", 2, "EntryStored")).waits().due(50 + LEASE)


def test_one_push_tells_what_came_without_one() -> None:
    spec = cache().join("a", "b").write("x", b"1", keep="EXCLUSIVE").read("x", "b").settles()
    spec.write("x", b"2", "w").settles(("a", 1, ["SHARE x", "INVALIDATE x"]), ("b", 1, ["INVALIDATE x"]))


def test_who_does_not_listen_is_not_heard() -> None:
    spec = cache().join("a")
    spec.of["b"] = spec.of["a"]
    spec.listen("b").refuses("NOT_LISTENING", "join again")


def test_who_joins_anew_has_dropped_all_it_had() -> None:
    spec = cache().join("a").write("x", b"1", keep="EXCLUSIVE").write("y", b"1", keep="MODIFIED")
    first = spec.of["a"]
    spec = spec.join("a").then(e.ListenerGone, e.ListenerJoined, e.LinesDropped, e.LineLost)
    spec.settles(("a", 1, "LISTENER_GONE")).lines("x").lines("y")
    assert list(spec.state.listeners) == [spec.of["a"]] != [first]


def test_a_late_copy_of_a_join_does_not_end_a_newer_attachment() -> None:
    spec = cache().join("a").join("a")
    late = c.Listen(NAME, 0, 0, 0, (), 0)
    spec.when(late, "a").refuses("LISTENING_ALREADY", f"gave_up {spec.of['a']}")


def test_who_lags_too_far_behind_is_told_to_join_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.draft.MAX_CALLS", 1)
    spec = cache().join("a", "b")
    for name in "xyz":
        spec = spec.write(name, b"1", keep="EXCLUSIVE")
    for name in "xyz":
        spec = spec.write(name, b"2", "w").waits()
    spec = spec.listen("a", after=0).then().calls("RESET")
    spec = spec.listen("a", after=2).then().calls("RESET").read("b", keep=True)
    spec = spec.at(LEASE - 1).listen("a", after=1).then().due(LEASE)  # and gets no more time
    spec = spec.join("a").holds("x", b"2").holds("y", b"2").holds("z", b"2")
    assert len(spec.state.listeners) == 2


def test_who_is_only_told_that_others_read_never_lags_too_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.draft.MAX_QUIET", 2)
    spec = cache().join("a", "b")
    for name in "wxyz":
        spec = spec.write(name, b"1", keep="EXCLUSIVE")
    spec = spec.read("w", "b").settles().read("x", "b").settles()
    spec = spec.read("y", "b").settles(("a", 1, ["SHARE w", "SHARE x", "SHARE y"]))
    spec = spec.read("z", "b").settles().listen("a", after=3).calls("SHARE z").listen("a", after=4).waits()
    spec.lines("w", a="SHARED", b="SHARED")


def test_who_is_to_join_anew_may_write_back_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.draft.MAX_CALLS", 1)
    spec = cache().join("a").write("m", b"1", keep="MODIFIED")
    token = spec.token("m", "a")
    for name in "xy":
        spec = spec.write(name, b"1", keep="EXCLUSIVE").write(name, b"2", "w")
    spec = spec.write("n", b"1").lines("n")
    spec = spec.write_back("m", token, b"2", keep="MODIFIED").lines("m", a="SHARED").holds("m", b"2")
    spec.read("n").gets("INVALID", b"1").join("a").lines("m").holds("x", b"2").holds("y", b"2")


def test_who_leaves_has_dropped_its_lines() -> None:
    spec = cache().join("a").write("x", b"1", keep="EXCLUSIVE")
    stop = c.StopListening(NAME, 0, spec.of["a"])
    spec = spec.when(stop).then(e.ListenerGone, e.LinesDropped).answers(Stopped()).lines("x").due(None)
    spec.when(stop).then().answers(Stopped())


def test_many_lines_go_over_several_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.draft.BATCH", 1)
    monkeypatch.setattr("streams.domain.caches.draft.MAX_EVENTS", 3)
    spec = cache().join("a")
    for number in range(24):
        spec = spec.write(f"x{number}", b"1", keep="EXCLUSIVE" if number % 2 else "MODIFIED")
    spec = spec.when(c.StopListening(NAME, 0, spec.of["a"])).due(0)
    spec = spec.read("x0", "b").gets("INVALID", b"1").due(0).settle().due(None)
    assert (spec.state.modified, spec.state.exclusive, len(spec.state.listeners)) == (0, 0, 0)


def test_a_session_that_is_gone_owns_nothing() -> None:
    spec = cache().join("a", "b", session="s1").join("w", session="s2")
    spec = spec.write("x", b"1", keep="EXCLUSIVE").write("y", b"1", "b", keep="MODIFIED")
    assert sessions_of(spec.state) == ("s1", "s2")
    spec = spec.write("x", b"2", "w").waits().gone("s1")
    spec.then(e.ListenerGone, e.ListenerGone, e.EntryWritten, e.LineLost)
    lost, gone = spec.decision.events[3], spec.decision.events[0]
    assert isinstance(lost, e.LineLost)
    assert isinstance(gone, e.ListenerGone)
    assert (lost.session, lost.cause, gone.why) == ("s1", "SESSION_ENDED", "node 7 died")
    assert sessions_of(spec.state) == ("s2",)
    spec.gone("s1").then()


def test_a_session_of_many_listeners_goes_over_several_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = cache().join(*[f"c{number}" for number in range(9)], session="s")
    monkeypatch.setattr("streams.domain.caches.draft.MAX_EVENTS", 4)
    for left in (5, 1, 0):
        spec = spec.gone("s")
        assert len(spec.state.listeners) == left
    assert sessions_of(spec.state) == ()


def test_lines_of_who_is_gone_stand_in_nobody_s_way(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = lines_left(monkeypatch)
    spec.read("x0", "b").gets("EXCLUSIVE", b"1")
    spec.write("x0", b"2", "b").then(e.LinesDropped, e.EntryWritten, e.LinesDropped)


def lines_left(monkeypatch: pytest.MonkeyPatch) -> Spec:
    """Client a is gone, and its lines not yet cleared."""
    spec = cache().join("a", "b").write("x0", b"1", keep="EXCLUSIVE").write("x1", b"1", keep="EXCLUSIVE")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.domain.caches.draft.MAX_EVENTS", 1)
        return spec.when(c.StopListening(NAME, 0, spec.of["a"])).then(e.ListenerGone)


def test_who_waits_for_one_that_is_gone_does_not_wait_until_all_its_lines_are_cleared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = cache().join("a")
    for number in range(30):
        spec = spec.write(f"x{number}", b"1", keep="MODIFIED")
    spec = (
        spec.at(5_000)
        .join("b")
        .read("x29", "b", wait_ms=LEASE)
        .waits()
        .read("x28", "w", wait_ms=LEASE)
        .waits()
    )
    monkeypatch.setattr("streams.domain.caches.draft.MAX_EVENTS", 10)
    spec = spec.at(LEASE).tick()
    spec.settles(("w", 1, "EntryRead"), ("b", 2, "EntryRead"))
    assert spec.state.modified > 10


def test_listeners_and_what_they_say_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = cache().join("a")
    refs = tuple(("x", number) for number in range(501))
    spec.listen("a", dropped=refs).refuses("BATCH_TOO_LARGE", "500")
    monkeypatch.setattr("streams.domain.caches.listen.MAX_LISTENERS", 1)
    spec.when(c.Listen(NAME, 0, 0, 0, (), 0), "b").refuses("TOO_MANY_LISTENERS")

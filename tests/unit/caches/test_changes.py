"""A write takes everybody else's line: strict, it waits until they gave them up; relaxed, it does not."""

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches import events as e
from tests.unit.caches.spec import LEASE, NAME, Spec, cache


def shared(*names: str, **changed: object) -> Spec:
    """Entry x is 1; these hold it Shared, or the only one Exclusive."""
    spec = cache(**changed).join("w", *names).write("x", b"1", "w")
    for name in names:
        spec = spec.read("x", name)
    for name in names:
        spec = spec.listen(name, after=spec.state.listeners[spec.of[name]].posted)
    return spec


def test_strict_waits_for_every_acknowledgement() -> None:
    spec = shared("a", "b").write("x", b"2", "w").waits()
    spec.then(e.WaitStarted, e.ChangeStarted, e.LinesCalled, e.LinesCalled).lines("x").holds("x", b"1")
    spec = spec.listen("a", after=spec.state.listeners[spec.of["a"]].posted).then(e.ListenerHeard)
    spec = spec.listen("b", after=spec.state.listeners[spec.of["b"]].posted)
    spec.then(e.ListenerHeard, e.EntryWritten).settles(("w", 3, "EntryStored")).holds("x", b"2")


def test_an_acknowledgement_of_less_does_not_count() -> None:
    spec = shared("a").write("x", b"2", "w").waits()
    spec.listen("a", after=0).then(e.ListenerHeard).calls("INVALIDATE x").holds("x", b"1")
    spec.listen("a", after=9).refuses("BAD_ARGUMENT", "after")


def test_strict_waits_no_longer_than_the_lease() -> None:
    spec = shared("a").at(4_000).join("w").write("x", b"2", "w", keep="EXCLUSIVE").waits()
    for now in (5_000, 7_000, 9_000):  # it goes on listening, and never acknowledges
        spec = spec.at(now).listen("a").calls("INVALIDATE x")
    spec = spec.at(13_999).tick().then().at(14_000).tick()
    spec.then(e.ListenerGone, e.ListenerGone, e.EntryWritten).holds("x", b"2")


def test_reads_wait_for_the_change_and_see_the_new_value() -> None:
    spec = shared("a").join("b").write("x", b"2", "w").waits()
    spec = spec.read("x", "b").waits().read("x", "guest").waits()
    spec.read("x", "late", wait_ms=0).refuses("ENTRY_BUSY")
    spec = spec.listen("a", after=1).then(e.ListenerHeard, e.EntryWritten, e.LineGranted, e.LineGranted)
    spec.settles(("w", 3, "EntryStored"), ("b", 2, "EntryRead"), ("guest", 1, "EntryRead")).lines(
        "x", b="SHARED"
    )


def test_writes_of_one_entry_happen_one_after_the_other() -> None:
    spec = shared("a").write("x", b"2", "w").waits().write("x", b"3", "v").waits()
    spec.write("x", b"3", "u", wait_ms=0).refuses("ENTRY_BUSY")
    spec = spec.listen("a", after=1).settles(("w", 3, "EntryStored"), ("v", 1, "EntryStored"))
    spec.holds("x", b"3").due(LEASE)


def test_a_read_that_waited_has_the_value_it_waited_for() -> None:
    """A write behind it is left for the next decision, as the value is attached when the answer is sent."""
    spec = shared("a").write("x", b"2", "w").read("x", "r").waits().write("x", b"3", "v").waits()
    spec = spec.listen("a", after=1).settles(("w", 3, "EntryStored"), ("r", 1, "EntryRead")).holds("x", b"2")
    spec.due(0).tick().then(e.EntryWritten).settles(("v", 1, "EntryStored")).holds("x", b"3")


def test_the_writer_s_own_line_is_no_obstacle_if_it_names_it() -> None:
    spec = shared("a")
    token = spec.token("x", "a")
    spec.write("x", b"2", "a", line=token).then(e.EntryWritten).lines("x")


def test_a_late_copy_of_a_write_calls_the_newer_line_of_its_own_client() -> None:
    spec = shared("a")
    spec = spec.write("x", b"2", "a", line=spec.token("x", "a") - 1).waits()
    spec.then(e.WaitStarted, e.ChangeStarted, e.LinesCalled)


def test_relaxed_answers_at_once_and_calls_the_same() -> None:
    spec = shared("a", "b", mode="RELAXED").write("x", b"2", "w")
    spec = spec.then(e.LinesCalled, e.LinesCalled, e.EntryWritten).holds("x", b"2").lines("x")
    spec.settles(("a", 3, ["INVALIDATE x"]), ("b", 3, ["INVALIDATE x"]))


def test_relaxed_calls_many_over_several_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.draft.MAX_EVENTS", 8)
    names = [f"s{number}" for number in range(21)]
    spec = shared(*names, mode="RELAXED").write("x", b"2", "w").waits().holds("x", b"1")
    spec = spec.due(0).settle().holds("x", b"2").lines("x")
    assert all(spec.state.listeners[spec.of[name]].posted for name in names)


def test_strict_calls_many_over_several_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"s{number}" for number in range(12)]
    spec = shared(*names)
    monkeypatch.setattr("streams.domain.caches.draft.MAX_EVENTS", 5)
    spec = spec.write("x", b"2", "w").waits().due(0).settle().lines("x").holds("x", b"1")
    for name in names:
        spec = spec.listen(name, after=spec.state.listeners[spec.of[name]].posted)
    spec.holds("x", b"2")


def test_a_sharer_that_leaves_or_rejoins_has_given_up_its_line() -> None:
    spec = shared("a", "b").write("x", b"2", "w").waits()
    spec = spec.when(c.StopListening(NAME, 0, spec.of["a"]), "a").holds("x", b"1")
    spec.join("b").settles(("w", 3, "EntryStored")).holds("x", b"2")


def test_a_write_takes_a_modified_line_and_what_is_in_it() -> None:
    spec = cache().join("a").write("x", b"1", keep="MODIFIED").write("x", b"2", "w").waits()
    spec.settles(("a", 1, ["INVALIDATE x"])).listen("a", after=1).holds("x", b"2")


def test_a_condition_is_judged_by_what_the_owner_has() -> None:
    spec = cache().join("a").write("x", b"1", keep="MODIFIED")
    version = spec.reply.version
    spec = spec.write("x", b"2", "w", if_version=version).waits().settles(("a", 1, ["WRITE_BACK x"]))
    spec.write_back("x", version, b"5").settles(("w", 1, "VERSION_CONFLICT")).holds("x", b"5")
    spec.write("y", b"1", "v", if_version=7).refuses("VERSION_CONFLICT", "not there")


def test_put_only_if_the_version_is_known_or_nothing_is_there() -> None:
    spec = cache().write("x", b"1", if_version=0)
    version = spec.reply.version
    spec.write("x", b"2", if_version=0).refuses("VERSION_CONFLICT", str(version))
    spec = spec.write("x", b"2", if_version=version).holds("x", b"2")
    spec.delete("x", if_version=version).refuses("VERSION_CONFLICT")
    spec.delete("x", if_version=0).refuses("BAD_ARGUMENT")
    spec.delete("x", if_version=spec.reply.version).then(e.EntryDeleted).holds("x", None)


def test_delete_waits_like_a_write_and_leaves_nothing() -> None:
    spec = shared("a").delete("x", "w").waits().holds("x", None)
    spec = spec.read("x", "r").waits()
    spec = spec.listen("a", after=1).settles(("w", 3, "EntryGone"), ("r", 1, "EntryRead"))
    assert "x" not in spec.state.entries
    spec.delete("x", "w").then().answers(spec.delete("x", "w").reply)


def test_a_wait_that_has_not_begun_ends_in_time_one_that_has_does_not() -> None:
    spec = shared("a").write("x", b"2", "w", wait_ms=50).waits().write("x", b"3", "v", wait_ms=50).waits()
    spec = spec.due(50).at(50).tick().settles(("v", 1, "WAIT_TIMED_OUT"))
    spec.listen("a", after=1).settles(("w", 3, "EntryStored")).holds("x", b"2")


def test_a_wait_is_withdrawn_unless_it_has_begun() -> None:
    spec = shared("a").write("x", b"2", "w").waits().read("x", "r").waits()
    spec = spec.when(c.WithdrawWait(NAME, 0, 1), "r").then(e.WaitEnded)
    assert spec.reply.ended
    assert not spec.when(c.WithdrawWait(NAME, 0, 3), "w").then().reply.ended
    assert not spec.state.withdrawable


def test_waits_and_their_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = shared("a").write("x", b"2", "w").waits()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.domain.caches.read.MAX_WAITS_OF_ENTRY", 1)
        spec.read("x", "r").read("x", "q").refuses("TOO_MANY_WAITING", "shards")
    monkeypatch.setattr("streams.domain.caches.read.MAX_WAIT_BYTES", 3)
    spec.write("x", b"123", "v").refuses("TOO_MANY_WAITING")


def test_an_entry_is_named_and_tagged_as_is_possible() -> None:
    spec = cache()
    spec.write("", b"1").refuses("BAD_ARGUMENT", "entry")
    spec.write("x", b"1", tags=("t",) * 2).refuses("BAD_ARGUMENT", "differ")
    spec.write("x", b"1", tags=tuple(map(str, range(17)))).refuses("BAD_ARGUMENT", "16")
    spec.write("x", b"1", ttl_ms=-2).refuses("BAD_ARGUMENT", "ttl_ms")
    spec.write("x", b"1", wait_ms=60_001).refuses("BAD_ARGUMENT", "wait_ms")

"""Which line a read or a write leaves, who is asked to give one up, and what a late write-back is told."""

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches import events as e
from tests.unit.caches.spec import LEASE, NAME, SETTINGS, cache


def test_a_sole_reader_gets_exclusive_the_second_makes_both_shared() -> None:
    spec = cache().join("a", "b").write("x", b"1")
    spec = spec.read("x", "a").then(e.LineGranted).gets("EXCLUSIVE", b"1").lines("x", a="EXCLUSIVE")
    spec = spec.read("x", "b").then(e.LinesCalled, e.LineGranted).gets("SHARED", b"1")
    spec.settles().lines("x", a="SHARED", b="SHARED")
    spec.listen("a").calls("SHARE x")


def test_who_keeps_no_lines_gets_the_value_and_changes_nothing() -> None:
    spec = cache().join("a").write("x", b"1").read("x", "a")
    spec.read("x", "guest").then().gets("INVALID", b"1").lines("x", a="EXCLUSIVE")
    assert not spec.read("y", "guest").then().reply.found


def test_a_write_through_leaves_exclusive_a_write_back_modified() -> None:
    spec = cache().join("a")
    spec.write("x", b"1", keep="EXCLUSIVE").lines("x", a="EXCLUSIVE")
    spec = spec.write("x", b"1", keep="MODIFIED").then(e.EntryWritten).lines("x", a="MODIFIED")
    assert spec.reply.version == spec.reply.token == spec.token("x", "a")


def test_a_cache_that_writes_through_has_nothing_modified() -> None:
    spec = cache(write_policy="THROUGH").join("a")
    spec.write("x", b"1", keep="MODIFIED").refuses("WRITE_THROUGH_ONLY", "EXCLUSIVE")
    spec.write("x", b"1", keep="SHARED").refuses("BAD_ARGUMENT", "keep")


def test_exclusive_becomes_modified_in_one_decision() -> None:
    spec = cache().join("a").write("x", b"1").read("x")
    token = spec.token("x", "a")
    spec.write("x", b"2", keep="MODIFIED", line=token).then(e.EntryWritten).lines("x", a="MODIFIED")


def test_a_read_of_what_is_modified_waits_for_the_write_back() -> None:
    spec = cache().join("a", "b").write("x", b"1", keep="MODIFIED")
    token = spec.token("x", "a")
    spec = spec.read("x", "b").then(e.WaitStarted, e.ChangeStarted, e.LinesCalled).waits()
    spec = spec.settles(("a", 1, ["WRITE_BACK x"])).lines("x", a="MODIFIED")
    spec = spec.write_back("x", token, b"2").then(e.EntryWrittenBack, e.LineGranted)
    spec = spec.settles(("b", 2, "EntryRead")).lines("x", a="SHARED", b="SHARED").holds("x", b"2")
    spec.listen("a", after=1).then(e.ListenerHeard).waits()


def test_who_waits_for_a_line_gets_it_though_the_owner_wants_to_keep_it() -> None:
    spec = cache().join("a", "b").write("x", b"1", keep="MODIFIED")
    token = spec.token("x", "a")
    spec.read("x", "b").write_back("x", token, b"2", keep="MODIFIED").lines("x", a="SHARED", b="SHARED")


@pytest.mark.parametrize("keep", ["INVALID", "SHARED", "EXCLUSIVE", "MODIFIED"])
def test_a_write_back_keeps_what_the_owner_likes(keep: c.LineState) -> None:
    spec = cache().join("a").write("x", b"1", keep="MODIFIED")
    spec = spec.write_back("x", spec.token("x", "a"), b"2", keep=keep).holds("x", b"2")
    assert spec.reply.state == keep
    spec.lines("x", **({} if keep == "INVALID" else {"a": keep}))


def test_an_unchanged_line_is_written_back_without_its_value() -> None:
    spec = cache().join("a").write("x", b"1", keep="MODIFIED")
    spec.write_back("x", spec.token("x", "a"), None, keep="SHARED").holds("x", b"1").lines("x", a="SHARED")


def test_a_late_write_back_is_refused() -> None:
    spec = cache().join("a", "b").write("x", b"1", keep="MODIFIED")
    token = spec.token("x", "a")
    spec = spec.write("x", b"9", "b").listen("a", after=1)
    spec.write_back("x", token, b"2").refuses("LINE_LOST", "read the entry").holds("x", b"9")
    spec.write_back("y", token, b"2").refuses("LINE_LOST")


def test_nobody_writes_back_the_line_of_another() -> None:
    spec = cache().join("a", "b").write("x", b"1", keep="MODIFIED")
    command = c.WriteBack(NAME, 0, "x", spec.of["a"], spec.token("x", "a"), b"2", "SHARED")
    spec.when(command, "b").refuses("LINE_LOST")


def test_an_owner_that_acknowledges_without_writing_back_has_lost_it() -> None:
    spec = cache().join("a", "b").write("x", b"1", keep="MODIFIED").read("x", "b").waits()
    spec = spec.listen("a", after=1).then(e.LineLost, e.ListenerHeard, e.LineGranted)
    spec.settles(("b", 2, "EntryRead")).lines("x", b="EXCLUSIVE").holds("x", b"1")


def test_an_owner_whose_lease_is_over_has_lost_it() -> None:
    spec = cache().join("a").at(5_000).join("b").write("x", b"1", keep="MODIFIED")
    spec = spec.read("x", "b", wait_ms=9_000).waits()
    spec = spec.due(LEASE).at(LEASE).tick().then(e.ListenerGone, e.LineLost, e.LineGranted)
    lost = spec.decision.events[1]
    assert isinstance(lost, e.LineLost)
    assert (lost.client, lost.entry, lost.cause) == ("a", "x", "LEASE_OVER")
    spec.settles(("b", 2, "EntryRead")).lines("x", b="EXCLUSIVE")


def test_the_owner_itself_is_told_to_look_at_home() -> None:
    spec = cache().join("a").write("x", b"1", keep="MODIFIED")
    spec.read("x").refuses("LINE_HELD", "write it back")
    spec.read("x", wait_ms=0, keep=False).refuses("ENTRY_BUSY")


def test_evicted_lines_are_told_with_the_next_listen() -> None:
    spec = cache().join("a").write("x", b"1", keep="EXCLUSIVE").write("y", b"1", keep="MODIFIED")
    x, y = spec.token("x", "a"), spec.token("y", "a")
    spec.listen("a", dropped=(("x", x - 1), ("z", 1))).lines("x", a="EXCLUSIVE")
    spec = spec.listen("a", dropped=(("x", x), ("y", y))).then(e.LineLost, e.ListenerHeard)
    spec.lines("x").lines("y")


def test_the_time_of_an_entry_ends_its_lines_without_calls() -> None:
    spec = cache(ttl_ms=3_000).join("a").write("x", b"1", keep="EXCLUSIVE").write("y", b"1", keep="MODIFIED")
    assert spec.reply.expires_at == 3_000
    spec = spec.write("z", b"1", ttl_ms=0).due(3_000).at(3_000).tick()
    spec.then(e.LineLost, e.EntriesRemoved).holds("x", None).holds("y", None).holds("z", b"1").due(LEASE)


def test_what_is_over_is_not_read_though_no_tick_has_come() -> None:
    spec = cache(ttl_ms=3_000).join("a").write("x", b"1").at(3_000).read("x").then(e.EntriesRemoved)
    assert not spec.reply.found


def test_a_write_back_begins_the_time_anew() -> None:
    spec = cache(ttl_ms=3_000).join("a").write("x", b"1", keep="MODIFIED").at(2_000)
    spec = spec.write_back("x", spec.token("x", "a"), b"2", keep="MODIFIED").due(5_000)
    assert spec.reply.expires_at == 5_000


def test_no_more_sharers_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.advance.MAX_SHARERS", 1)
    spec = cache().join("a", "b").write("x", b"1").read("x", "a")
    spec.read("x", "b").gets("INVALID", b"1").lines("x", a="EXCLUSIVE")


def test_no_more_lines_than_a_listener_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.draft.MAX_LINES", 1)
    spec = cache().join("a").write("x", b"1").write("y", b"1").read("x").gets("EXCLUSIVE", b"1")
    spec.read("y").gets("INVALID", b"1")
    spec.read("x").gets("EXCLUSIVE", b"1")
    for keep in ("EXCLUSIVE", "MODIFIED"):
        spec.write("y", b"2", keep=keep).holds("y", b"2").lines("y")
        spec.write("x", b"2", keep=keep, line=spec.token("x", "a")).lines("x", a=keep)
    spec = spec.read("z", fill=True)
    spec.fill("z", spec.reply.fill, b"1").holds("z", b"1").lines("z")


def test_an_attachment_that_is_not_ones_own_gets_nothing() -> None:
    spec = cache().join("a").write("x", b"1")
    stolen = c.ReadEntry(NAME, 0, "x", spec.of["a"], False, 0)
    spec.when(stolen, "b").refuses("NOT_LISTENING", "join again")
    spec.when(c.WriteEntry(NAME, 0, "x", b"2", (), -1, -1, 0, "EXCLUSIVE", 0, 0), "b").refuses(
        "NOT_LISTENING"
    )


def test_a_value_over_the_limit_is_refused() -> None:
    spec = cache(max_value_bytes=3).join("a")
    spec.write("x", b"1234").refuses("VALUE_TOO_LARGE", "4 bytes", "takes 3")
    spec = spec.write("x", b"123", keep="MODIFIED")
    spec.write_back("x", spec.token("x", "a"), b"1234").refuses("VALUE_TOO_LARGE")
    assert SETTINGS.max_value_bytes == 65_536

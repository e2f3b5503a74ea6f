"""The shard itself: settings, room, tags, warm-up, deletion, and what people are shown."""

from dataclasses import replace

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches import events as e
from streams.domain.caches import replies as r
from streams.domain.caches.inspect import GONE, attached, shown
from streams.domain.caches.state import ABSENT
from tests.unit.caches.spec import LEASE, NAME, SETTINGS, Spec, cache


def full(**changed: object) -> Spec:
    """Three entries, a the oldest; as many as there may be."""
    spec = cache(max_entries=3, **changed).join("p")
    for name in "abc":
        spec = spec.write(name, b"1")
    return spec


def warm(*names: str, **changed: object) -> c.WarmEntries:
    new = c.NewEntry("", b"1", (), -1)
    return c.WarmEntries(NAME, 0, tuple(replace(new, entry=name, **changed) for name in names))  # type: ignore[arg-type]


# ── settings ────────────────────────────────────────────────────────────────────────────────────────────


def test_create_is_idempotent_for_the_same_settings() -> None:
    spec = cache()
    spec.when(c.CreateCache(NAME, 0, SETTINGS)).then().answers(r.CacheOpened(1, 1, existed=True))
    spec.when(c.CreateCache(NAME, 0, replace(SETTINGS, ttl_ms=5))).refuses("CACHE_EXISTS", "ConfigureCache")


def test_a_cache_has_as_many_shards_as_its_first_one_was_made_with() -> None:
    spec = Spec(ABSENT, 0, 1, None, {}, {}).when(c.CreateCache(NAME, 0, SETTINGS, 4)).then(e.CacheCreated)
    spec.when(c.CreateCache(NAME, 0, SETTINGS, 4)).then().answers(r.CacheOpened(1, 1, existed=True))
    spec.when(c.CreateCache(NAME, 0, SETTINGS, 2)).refuses("CACHE_EXISTS", "has 4 shards, not 2")
    spec.when(c.CreateCache(NAME, 1, SETTINGS, 2)).refuses(
        "CACHE_EXISTS", "shard 1 of", "is left of one that had 4"
    )
    assert (stats := shown(spec.state)) is not None
    assert stats.shards == 4
    closing = spec.join("a").when(c.DeleteCache(NAME, 0))
    assert (stats := shown(closing.state)) is not None
    assert (stats.closing, stats.shards) == (True, 4)


@pytest.mark.parametrize(("shard", "shards"), [(0, 0), (1, 1), (0, 65), (2, 2)])
def test_a_shard_that_the_cache_has_not_is_not_made(shard: int, shards: int) -> None:
    absent = Spec(ABSENT, 0, 1, None, {}, {})
    absent.when(c.CreateCache(NAME, shard, SETTINGS, shards)).refuses("BAD_ARGUMENT", "shard")


@pytest.mark.parametrize(
    "field", ["max_entries", "max_bytes", "max_value_bytes", "read_lease_ms", "fill_lease_ms"]
)
def test_settings_have_bounds(field: str) -> None:
    bad = replace(SETTINGS, **{field: 0})  # type: ignore[arg-type]
    cache().when(c.ConfigureCache(NAME, 0, bad, 0)).refuses("BAD_ARGUMENT", field)
    Spec(ABSENT, 0, 1, None, {}, {}).when(c.CreateCache(NAME, 0, bad)).refuses("BAD_ARGUMENT")


def test_a_value_may_not_be_larger_than_all_of_them() -> None:
    bad = replace(SETTINGS, max_bytes=10)
    cache().when(c.ConfigureCache(NAME, 0, bad, 0)).refuses("BAD_ARGUMENT", "max_bytes")


def test_settings_change_but_the_mode_does_not() -> None:
    spec, new = cache(), replace(SETTINGS, ttl_ms=7)
    spec.when(c.ConfigureCache(NAME, 0, new, 2)).refuses("VERSION_CONFLICT", "InspectCache")
    spec.when(c.ConfigureCache(NAME, 0, new, 1)).then(e.CacheConfigured).answers(r.CacheChanged(2))
    spec.when(c.ConfigureCache(NAME, 0, SETTINGS, 1)).then().answers(r.CacheChanged(1))
    relaxed = replace(SETTINGS, mode="RELAXED")
    spec.when(c.ConfigureCache(NAME, 0, relaxed, 0)).refuses("BAD_ARGUMENT", "delete the cache")


def test_nothing_is_asked_of_what_is_not_there() -> None:
    spec = Spec(ABSENT, 0, 1, None, {}, {})
    spec.read("x").refuses("CACHE_UNKNOWN", "CreateCache")
    spec.when(c.InspectCache("a#b", 0)).refuses("BAD_ARGUMENT", "#")
    spec.when(c.InspectCache(NAME, 64)).refuses("BAD_ARGUMENT", "shard")
    spec.when(c.DeleteCache(NAME, 0)).then().answers(r.CacheRemoved(0))


# ── deletion ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_deleted_cache_is_gone_at_once_if_nobody_keeps_lines() -> None:
    spec = cache().write("x", b"1").when(c.DeleteCache(NAME, 0)).then(e.CacheClosing, e.CacheDeleted)
    assert spec.answers(r.CacheRemoved(1)).state is ABSENT


def test_a_deleted_cache_stays_closed_while_a_client_may_trust_its_lines() -> None:
    spec = cache().join("a", "b").write("x", b"1", keep="EXCLUSIVE").read("y", "b", fill=True)
    spec = spec.read("y", "c", fill=True).waits().when(c.DeleteCache(NAME, 0))
    spec = spec.settles(("c", 1, "CACHE_DELETED"), ("a", 1, "CACHE_DELETED"), ("b", 1, "CACHE_DELETED"))
    spec.read("x").refuses("CACHE_CLOSING")
    spec.when(c.CreateCache(NAME, 0, SETTINGS)).refuses("CACHE_CLOSING")
    spec.listen("a").refuses("CACHE_DELETED", "StopListening")
    spec.when(c.DeleteCache(NAME, 0)).then().answers(r.CacheRemoved(0))
    assert shown(spec.state) is not None
    spec = spec.when(c.StopListening(NAME, 0, spec.of["a"]), "a").then(e.ListenerGone).due(LEASE)
    spec = spec.at(LEASE).tick().then(e.ListenerGone, e.CacheDeleted)
    assert spec.state is ABSENT
    spec.when(c.CreateCache(NAME, 0, SETTINGS)).then(e.CacheCreated)


def test_those_who_wait_for_a_deleted_cache_are_told_over_several_decisions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = cache().join("a").read("x", "a", fill=True)
    for number in range(7):
        spec = spec.read("x", f"c{number}", fill=True).waits()
    monkeypatch.setattr("streams.domain.caches.draft.MAX_EVENTS", 3)
    spec = spec.when(c.DeleteCache(NAME, 0)).due(0).settle().due(LEASE)
    assert len(spec.state.waits) == 0


# ── room ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_asked_for_least_recently_is_evicted() -> None:
    spec = full().read("a", "p").write("d", b"1", "w").then(e.EntriesRemoved, e.EntryWritten)
    spec.holds("a", b"1").holds("b", None).holds("d", b"1")


def test_bytes_count_too() -> None:
    spec = cache(max_bytes=10, max_value_bytes=10).write("a", b"12345").write("b", b"12345")
    spec.write("a", b"1234").then(e.EntryWritten).write("c", b"1234567").holds("a", None).holds("b", None)


def test_an_entry_with_lines_is_evicted_when_they_are_given_up() -> None:
    spec = full().read("a", "p").read("b", "p").read("c", "p")
    spec = spec.write("d", b"1", "w").then(e.ChangeStarted, e.LinesCalled, e.EntryWritten)
    spec.holds("a", None).read("a", "r").waits()
    spec.listen("p", after=1).then(e.ListenerHeard, e.EntriesRemoved)
    full(mode="RELAXED").read("a", "p").read("b", "p").read("c", "p").write("d", b"1", "w").then(
        e.LinesCalled, e.EntriesRemoved, e.EntryWritten
    )


def test_a_directory_full_of_modified_lines_says_so() -> None:
    spec = cache(max_entries=2).join("a").write("x", b"1", keep="MODIFIED").write("y", b"1", keep="MODIFIED")
    spec.write("z", b"1").refuses("CACHE_FULL", "WriteBack")
    spec.when(warm("z")).refuses("CACHE_FULL")
    spec.write_back("x", spec.token("x", "a"), b"2", keep="INVALID").write("z", b"1").holds("x", None)
    spec = spec.read("q", "f", fill=True)
    spec.fill("q", spec.reply.fill, b"1", "f").refuses("CACHE_FULL")


def test_smaller_settings_make_room_as_far_as_can_be() -> None:
    spec = full().when(c.ConfigureCache(NAME, 0, replace(SETTINGS, max_entries=1), 0))
    spec.then(e.CacheConfigured, e.EntriesRemoved).holds("c", b"1").holds("b", None)


# ── tags and warm-up ────────────────────────────────────────────────────────────────────────────────────


def test_all_that_has_the_tag_is_removed_and_nothing_else() -> None:
    spec = cache().join("a")
    spec = (
        spec.write("x", b"1", tags=("s", "t"))
        .write("y", b"1", tags=("s",), keep="EXCLUSIVE")
        .write("z", b"1")
    )
    spec = spec.when(c.InvalidateTag(NAME, 0, "s"), "w").waits()
    spec = spec.then(e.TagInvalidated, e.EntriesRemoved, e.ChangeStarted, e.LinesCalled).holds("x", None)
    spec = spec.listen("a", after=1).then(e.ListenerHeard, e.EntriesRemoved, e.TagCleared)
    spec.settles(("w", 1, "TagGone")).holds("z", b"1")
    assert len(spec.state.tags) == 0


def test_what_is_written_since_stays() -> None:
    spec = cache().join("a").write("x", b"1", tags=("s",), keep="EXCLUSIVE")
    spec = spec.when(c.InvalidateTag(NAME, 0, "s"), "w").waits().write("x", b"2", tags=("s",)).waits()
    spec = spec.listen("a", after=1).settle().holds("x", b"2")
    assert spec.state.jobs == ()


def test_a_write_under_way_counts_as_the_end_of_the_old_value() -> None:
    spec = (
        cache().join("a").write("x", b"1", tags=("s",), keep="EXCLUSIVE").write("x", b"2", "w", tags=("s",))
    )
    spec = spec.when(c.InvalidateTag(NAME, 0, "s"), "v").waits().then(e.TagInvalidated)
    spec = spec.listen("a", after=1).then(e.ListenerHeard, e.EntryWritten, e.TagCleared)
    spec.settles(("w", 1, "EntryStored"), ("v", 1, "TagGone"))


def test_a_modified_line_under_recall_goes_too() -> None:
    spec = cache().join("a").write("x", b"1", tags=("s",), keep="MODIFIED").read("x", "r").waits()
    spec = spec.when(c.InvalidateTag(NAME, 0, "s"), "w").waits().lines("x")
    spec = spec.listen("a", after=1).holds("x", None).listen("a", after=2).settle()
    assert not spec.state.waits
    assert spec.state.jobs == ()


def test_relaxed_tags_wait_for_nobody() -> None:
    spec = cache(mode="RELAXED").join("a").write("x", b"1", tags=("s",), keep="EXCLUSIVE")
    spec = spec.when(c.InvalidateTag(NAME, 0, "s"), "w").answers(r.TagGone("s", 1)).holds("x", None)
    spec.settles(("a", 1, ["INVALIDATE x"]), ("w", 1, "TagGone"))


def test_many_go_over_several_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = cache().when(warm(*[f"x{number}" for number in range(500)], tags=("s",)))
    monkeypatch.setattr("streams.domain.caches.draft.MAX_EVENTS", 2)
    spec = spec.when(c.InvalidateTag(NAME, 0, "s"), "w").waits().due(0).settle()
    assert (spec.state.stored, spec.state.jobs) == (0, ())


def test_invalidations_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = cache().join("a").write("x", b"1", tags=("s",), keep="EXCLUSIVE")
    spec = spec.when(c.InvalidateTag(NAME, 0, "s"), "w").waits()
    monkeypatch.setattr("streams.domain.caches.fill.MAX_JOBS", 1)
    spec.when(c.InvalidateTag(NAME, 0, "s"), "v").refuses("TOO_MANY_INVALIDATIONS")
    spec.when(c.InvalidateTag(NAME, 0, ""), "v").refuses("BAD_ARGUMENT", "tag")


def test_warm_up_puts_in_what_is_missing() -> None:
    spec = cache(ttl_ms=9).write("x", b"0").when(warm("x", "y", "z")).then(e.EntriesWarmed)
    spec.answers(r.EntriesTaken(2, 1)).holds("x", b"0").holds("y", b"1").due(9)
    spec.when(warm("x", "y")).then().answers(r.EntriesTaken(0, 2))
    spec.when(warm()).refuses("BATCH_TOO_LARGE")
    spec.when(warm(*map(str, range(7)), value=b"x" * 60_000)).refuses("BATCH_TOO_LARGE", "bytes")
    spec.when(warm("q", tags=("",))).refuses("BAD_ARGUMENT", "tags")


# ── what people and answers see ─────────────────────────────────────────────────────────────────────────


def test_an_entry_is_shown_with_who_has_it() -> None:
    spec = (
        cache().join("a", session="s").write("x", b"12", tags=("t",), keep="MODIFIED").read("x", "b").waits()
    )
    line = r.ShownLine("alice", "a", "s", spec.of["a"], "MODIFIED", 3, LEASE)
    spec = spec.when(c.InspectEntry(NAME, 0, "x"))
    spec.answers(r.EntryView("x", True, 3, 2, ("t",), 0, (line,), 1, "RECALL", 1, 1))
    assert spec.when(c.InspectEntry(NAME, 0, "y")).reply.found is False
    spec.when(c.InspectEntry(NAME, 0, "")).refuses("BAD_ARGUMENT", "entry")
    spec.read("y", "b", fill=True).when(c.InspectEntry(NAME, 0, "y"))
    stats = r.CacheStats(1, 1, SETTINGS, False, 1, 2, 1, 0, 0, 1, 1, 0, 1, 1)
    spec.when(c.InspectCache(NAME, 0)).answers(stats)
    assert (shown(spec.state), shown(ABSENT)) == (stats, None)


def test_a_repeated_answer_says_when_the_value_is_another_by_now() -> None:
    spec = cache().write("x", b"1", tags=("t",)).read("x")
    reply = spec.reply
    assert attached(spec.state, reply) == (r.EntryValue(b"1", ("t",), gone=False),)
    assert attached(spec.write("x", b"2").state, reply) == (GONE,)
    assert attached(spec.delete("x").state, reply) == (GONE,)
    assert attached(spec.state, r.Calls(77, 1, 1, 0)) == ()

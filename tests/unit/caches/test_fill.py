"""Of those who miss an entry one loads it, the others wait; whatever happens to the one, somebody loads it."""

import pytest

from streams.domain.caches import commands as c
from streams.domain.caches import events as e
from streams.domain.caches.replies import FillDropped, FillGranted, TagGone
from tests.unit.caches.spec import NAME, Spec, cache


def filling(*waiting: str) -> tuple[Spec, int]:
    """Client f loads x; these wait for it."""
    spec = cache().join("f", *waiting).read("x", "f", fill=True).then(e.FillStarted)
    assert isinstance(spec.reply, FillGranted)
    token = spec.reply.fill
    for name in waiting:
        spec = spec.read("x", name, fill=True, wait_ms=30_000).waits()
    return spec, token


def test_one_loads_and_the_others_get_its_value() -> None:
    spec, token = filling("a", "b")
    spec = spec.fill("x", token, b"1", "f").then(e.EntryWritten, e.LineGranted, e.LineGranted)
    spec.settles(("a", 2, "EntryRead"), ("b", 2, "EntryRead"))
    assert spec.reply.state == "SHARED"
    spec.lines("x", f="SHARED", a="SHARED", b="SHARED").holds("x", b"1")


def test_who_loads_alone_gets_exclusive() -> None:
    spec, token = filling()
    spec.fill("x", token, b"1", "f").lines("x", f="EXCLUSIVE")


def test_who_does_not_care_to_load_is_told_that_nothing_is_there() -> None:
    spec, _ = filling("a")
    assert not spec.read("x", "b").then().reply.found
    spec.read("x", "b", fill=True, wait_ms=0).refuses("ENTRY_BUSY")


def test_when_loading_fails_the_next_one_loads() -> None:
    spec, token = filling("a", "b")
    spec = spec.when(c.FailFill(NAME, 0, "x", token, "no database"), "f").then(e.FillEnded, e.FillStarted)
    spec = spec.settles(("a", 2, "FillGranted")).answers(FillDropped())
    spec.fill("x", token, b"1", "f").refuses("FILL_LOST", "read the entry again")
    second = spec.state.entries["x"].fill
    assert second is not None
    spec.fill("x", second.token, b"2", "a").settles(("b", 2, "EntryRead")).holds("x", b"2")
    spec.fill("x", second.token, b"2", "b").refuses("FILL_LOST")


def test_who_takes_too_long_is_overtaken() -> None:
    spec, _ = filling("a")
    spec = spec.due(5_000).at(5_000).tick().then(e.FillEnded, e.FillStarted)
    spec.settles(("a", 2, "FillGranted")).due(10_000)


def test_who_is_gone_loads_no_more() -> None:
    spec, token = filling("a")
    spec = spec.when(c.StopListening(NAME, 0, spec.of["f"]), "f").then(e.ListenerGone, e.FillStarted)
    spec.fill("x", token, b"1", "f").refuses("NOT_LISTENING")


def test_a_write_overtakes_what_is_being_loaded() -> None:
    spec, token = filling("a")
    spec = spec.write("x", b"9", "w").settles(("a", 2, "EntryRead")).holds("x", b"9")
    spec.fill("x", token, b"1", "f").refuses("FILL_LOST").holds("x", b"9")


def test_a_deletion_ends_what_is_being_loaded_and_the_next_one_loads() -> None:
    spec, token = filling("a")
    spec = spec.delete("x", "w").then(e.EntryDeleted, e.FillStarted).settles(("a", 2, "FillGranted"))
    spec.fill("x", token, b"1", "f").refuses("FILL_LOST")


def test_what_was_loaded_before_its_tag_was_invalidated_is_not_kept() -> None:
    spec, token = filling("a")
    spec = spec.when(c.InvalidateTag(NAME, 0, "shop"), "w").then(e.TagInvalidated, e.TagCleared)
    spec.answers(TagGone("shop", 0))
    spec.fill("x", token, b"1", "f", tags=("food",)).holds("x", b"1")
    spec = spec.fill("x", token, b"1", "f", tags=("shop",)).then(e.FillEnded, e.FillStarted)
    spec = spec.answers(FillDropped()).settles(("a", 2, "FillGranted")).holds("x", None)
    again = spec.state.entries["x"].fill
    assert again is not None
    spec.fill("x", again.token, b"2", "a", tags=("shop",)).holds("x", b"2")


def test_of_too_many_tags_every_one_may_have_been_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.fold_entries.MAX_SWEPT", 1)
    spec, token = filling()
    for tag in ("one", "two"):
        spec = spec.when(c.InvalidateTag(NAME, 0, tag), "w")
    spec.fill("x", token, b"1", "f", tags=("food",)).answers(FillDropped())
    spec = spec.fill("x", token, b"1", "f").holds("x", b"1")
    assert (len(spec.state.swept), spec.state.swept_before) == (0, 0)


def test_loads_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.domain.caches.read.MAX_FILLS", 1)
    spec, _ = filling()
    spec.read("y", "a", fill=True).refuses("TOO_MANY_FILLS")


def test_what_is_loaded_must_be_an_entry_and_the_reason_short() -> None:
    spec, token = filling()
    spec.fill("x", token, b"1" * 65_537, "f").refuses("VALUE_TOO_LARGE")
    spec.fill("x", token, b"1", "f", keep="MODIFIED").refuses("BAD_ARGUMENT", "keep")
    spec.when(c.FailFill(NAME, 0, "x", token, "r" * 501), "f").refuses("BAD_ARGUMENT", "500")
    spec.when(c.FailFill(NAME, 0, "y", token, ""), "f").then().answers(FillDropped())

"""One entry of a cache from its log, in sentences: whose line ended and why, who waited for whom, what was lost."""

from dataclasses import replace

import pytest

from streams.domain.caches import commands as c
from streams.replay.caches.explanation import Explainer
from tests.unit.replay.cache_logbook import LEASE, NAME, SETTINGS, CacheBook, steps, texts


def shared() -> CacheBook:
    """`a` wrote `x` at 1, `b` read it at 2."""
    return CacheBook().join("a", "b").write("a", 1, keep="EXCLUSIVE").read("b", 2)


def test_a_strict_write_waits_for_those_who_have_lines() -> None:
    book = shared().write("c", 10, b"new").listen("a", 2, 12)
    book.tick(NAME, LEASE)
    told = texts(book)
    assert told[3].startswith("The write of alice/c had to wait: alice/a, alice/b had lines of it")
    assert "alice/a acknowledged, 2 ms after it was called" in told
    assert any(each.startswith("alice/b was waited for no longer, 10.0 s after") for each in told)
    assert told[-1].startswith("Written by alice/c, after a wait of 10.0 s")


def test_a_relaxed_write_waits_for_nobody_and_says_who_ended_the_lines() -> None:
    book = CacheBook(replace(SETTINGS, mode="RELAXED")).join("a").write("a", 1, keep="EXCLUSIVE")
    told = texts(book.write("c", 5))
    assert told[1].startswith(
        "The EXCLUSIVE line of alice/a ended: it changed at once, by alice/c/1 (WriteEntry"
    )
    assert [step.told.what for step in steps(book)] == ["WRITTEN", "INVALIDATED", "WRITTEN"]


def test_a_line_that_is_lost_with_its_session_is_told_with_the_cause() -> None:
    book = CacheBook().join("a").join("b", session="n1:1").write("b", 1, keep="MODIFIED").read("a", 2)
    told = texts(book.gone(NAME, "n1:1", 50).tick(NAME, 50))
    assert told[1] == "The read of alice/a had to wait: alice/b held it MODIFIED, and had to write it back"
    assert told[3] == "alice/b was to bring back what it wrote"
    assert "48 ms after it was called: its node's session ended (SILENT 9)" in told[4]
    assert told[5].endswith("had not brought back is lost: its node's session ended")
    assert told[6].startswith("Read by alice/a, after a wait of 48 ms")


def test_what_is_written_back_is_told_with_who_kept_what() -> None:
    book = CacheBook().join("a", "b").write("b", 1, keep="MODIFIED").read("a", 2)
    line = book.state_now().entries["x"].lines[book.of["b"]].token
    book.do(c.WriteBack(NAME, 0, "x", book.of["b"], line, b"2", "MODIFIED"), 4, "b")
    told = texts(book)
    assert any(
        each.startswith("Written back by alice/b: version") and each.endswith("SHARED") for each in told
    )
    assert told[-1].startswith("Read by alice/a, after a wait of 2 ms")


def test_a_line_that_a_client_evicts_ends_by_itself() -> None:
    book = shared()
    line = book.state_now().entries["x"].lines[book.of["b"]].token
    told = texts(book.listen("b", 0, 5, c.LineRef("x", line)))
    assert told[-1].startswith("alice/b gave up its SHARED line by itself")


def test_loading_deletion_tags_and_the_end_of_the_cache_are_told() -> None:
    book = CacheBook().read("a", 1, fill=True)
    book.do(c.FailFill(NAME, 0, "x", book.reply.fill, "no such row"), 2, "a")
    book.write("a", 3, tags=("t",)).do(c.InvalidateTag(NAME, 0, "t"), 4, "b")
    book.write("a", 5).do(c.DeleteEntry(NAME, 0, "x", -1, 0, 0, 0), 6, "b")
    book.do(c.WarmEntries(NAME, 0, (c.NewEntry("x", b"", (), 5),)), 7, "c").tick(NAME, 12)
    book.write("a", 13).do(c.DeleteCache(NAME, 0), 14, "operator")
    assert [step.told.what for step in steps(book)] == [
        "LOADS", "LOAD_ENDED", "WRITTEN", "TAG", "REMOVED", "WRITTEN", "DELETED", "WARMED", "REMOVED", "WRITTEN",
        "CLOSED",
    ]  # fmt: skip
    assert "no such row" in texts(book)[1]
    assert "A tag that they had" in texts(book)[4]
    assert not [text for text in texts(book) if text.endswith(".")]
    assert "by alice/operator" in texts(book)[-1]


@pytest.mark.parametrize(
    ("entry", "tenant", "cache"), [("y", "dev", NAME), ("x", "other", NAME), ("x", "dev", "price")]
)
def test_of_others_nothing_is_told(entry: str, tenant: str, cache: str) -> None:
    assert steps(shared().write("c", 10), entry, tenant, cache) == []


def explained(book: CacheBook) -> dict[str, list[str]]:
    explainer = Explainer()
    explainer.take(steps(book))
    return {one.title: [line.text for line in one.lines] for one in explainer.sections()}


def test_a_write_that_waited_names_whom_it_waited_for_last_and_one_that_waits_is_told_too() -> None:
    book = shared().write("c", 10).listen("a", 2, 12)
    told = explained(book)
    assert list(told) == [
        "Why the line of alice/a ended",
        "Why the line of alice/b ended",
        "Why the write of alice/c waits",
    ]
    assert (
        told["Why the line of alice/a ended"][1]
        == "The SHARED line of alice/a ended: it is to be written, by alice/c."
    )
    told = explained(book.tick(NAME, LEASE))
    lines = told["Why the write of alice/c waited for 10.0 s, last for alice/b"]
    assert "was not heard for its read lease" in lines[-2]
    assert lines[-1].startswith("Written by alice/c")


def test_a_lost_line_is_explained_by_what_gave_it_and_what_ended_it() -> None:
    book = CacheBook().join("a").join("b", session="n1:1").write("b", 1, keep="MODIFIED").read("a", 2)
    told = explained(book.gone(NAME, "n1:1", 50).tick(NAME, 50))
    granted, lost = told["Why the line of alice/b was lost"]
    assert granted.startswith("Written by alice/b") and granted.endswith("kept MODIFIED.")
    assert lost.endswith("is lost: its node's session ended.")
    assert "Why the read of alice/a waited for 48 ms, last for alice/b" in told


def test_of_many_waits_and_lines_the_latest_are_told() -> None:
    book = CacheBook().join("a")
    for turn in range(10):
        book.read("a", turn) if turn else book.write("a", 0, keep="EXCLUSIVE")
        book.write("c", turn).listen("a", turn + 1, turn)
    told = explained(book)
    assert len(told) <= 2
    explainer = Explainer()
    explainer.take(steps(book))
    assert len(explainer.sections()) == 10

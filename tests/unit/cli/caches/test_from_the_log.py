"""What the command line tells of caches and their entries from the logs alone."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from streams.domain.caches import commands as c
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from tests.unit.cli.conftest import Cli
from tests.unit.replay.cache_logbook import NAME, WHERE, WORDS, CacheBook
from tests.unit.replay.decided_book import EPOCH_MS, Topic
from tidelock.cli import exits
from tidelock.cli.cache_settings import SETTINGS
from tidelock.cli.cache_watch import Seen, seen_in
from tidelock.cli.following import follow
from tidelock.client.caches.terms import CacheOptions

BEFORE = "2020-09-13T12:26:40.005Z"
"""Lease time 5: `a` has `x` to itself."""


def day() -> CacheBook:
    """`a` writes `x`, `b` reads it, `a` writes again at 10, and `b` acknowledges at 1,010. Another cache has an `x`."""
    book = CacheBook().join("a", "b").write("a", 1, keep="EXCLUSIVE", tags=("t",))
    book.do(c.CreateCache("prices-old", 0, book.state_now().settings), 6)
    book.do(c.WriteEntry("prices-old", 0, "x", b"", (), -1, -1, 0, "INVALID", 0, 0), 6, "z")
    return book.read("b", 7).write("a", 10, b"new", line=4).listen("b", 1, 1_010)


@pytest.fixture(autouse=True)
def planted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert EPOCH_MS == 1_600_000_000_000

    async def partitions_of(*_: object) -> dict[PartitionId, int]:
        return {WHERE: len(day().records)}

    monkeypatch.setenv("TIDELOCK_KAFKA", "memory:1")
    for module in ("census", "cache_log"):
        monkeypatch.setattr(f"tidelock.cli.{module}.partitions_of", partitions_of)
        monkeypatch.setattr(f"tidelock.cli.{module}.reader_of", lambda _: lambda _: Topic(day().records))


def lines(cli: Cli, *args: str) -> list[dict[str, Any]]:
    ran = cli("cache", *args, "--json")
    assert ran.code == exits.OK, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_caches_are_listed_now_and_as_they_stood(cli: Cli) -> None:
    assert [(one["cache"], one["entries"]) for one in lines(cli, "list")] == [
        ("prices", 1),
        ("prices-old", 1),
    ]
    (before,) = lines(cli, "list", "--at", BEFORE)
    assert (before["exclusive"], before["shared"], before["mode"]) == (1, 0, "STRICT")
    assert "prices-old" in cli("cache", "list", "prices-").out
    assert "cache create" in cli("cache", "list", "--tenant", "other").out


def test_an_entry_as_it_stood(cli: Cli) -> None:
    (view,) = lines(cli, "entry", NAME, "x", "--at", BEFORE)
    assert [(line["client"], line["state"]) for line in view["lines"]] == [("a", "EXCLUSIVE")]
    assert (view["found"], view["bytes"], view["tags"]) == (True, 1, ["t"])
    assert "no value" in cli("cache", "entry", NAME, "y", "--at", BEFORE).out


def test_a_history_says_when_who_and_why(cli: Cli) -> None:
    told = lines(cli, "history", NAME, "x")
    assert [one["what"] for one in told] == [
        "WRITTEN", "CALLED", "READ", "WAITS", "CHANGE", "INVALIDATED", "ACKNOWLEDGED", "WRITTEN",
    ]  # fmt: skip
    assert (told[0]["client"], told[0]["time_ms"] - EPOCH_MS, told[0]["command"]) == ("a", 1, "WriteEntry")
    shown = cli("cache", "history", NAME, "x", "--utc", "--limit", "1").out
    assert "7 older ones are left out" in shown
    assert "12:26:41.010" in shown and "Written by alice/a, after a wait of 1.0 s" in shown


@pytest.mark.parametrize("option", ["--until", "--at"])
def test_a_history_ends_and_begins_where_it_is_asked_to(cli: Cli, option: str) -> None:
    assert [one["what"] for one in lines(cli, "history", NAME, "x", option, BEFORE)] == ["WRITTEN"]
    since = [one["what"] for one in lines(cli, "history", NAME, "x", "--since", "2020-09-13T12:26:41Z")]
    assert since == ["ACKNOWLEDGED", "WRITTEN"]
    assert "nothing became of it" in cli("cache", "history", NAME, "other").out


def test_a_cache_that_never_was_is_told_with_the_cure(cli: Cli) -> None:
    ran = cli("cache", "history", "nothing", "x")
    assert (ran.code, ran.err.split(":")[0], "cache list" in ran.err) == (exits.NO, "NEVER_USED", True)


async def test_a_watch_tells_what_ends_from_now_on_in_this_cache_alone() -> None:
    class Tail:
        async def read(
            self, starts: Mapping[PartitionId, int]
        ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
            yield {WHERE: day().records}

    seen: list[Seen] = []
    end = len(day().records) - 3
    await follow(
        Tail(), {WHERE: end}, WORDS, lambda accepted: seen.extend(seen_in(accepted, "dev", NAME, "x"))
    )
    assert [one.ended.kind for one in seen] == ["CALLED", "WRITTEN"]
    assert seen[0].ended.holder is not None
    assert seen[0].ended.holder.client == "b"
    seen.clear()
    await follow(Tail(), {WHERE: 0}, WORDS, lambda accepted: seen.extend(seen_in(accepted, "dev", NAME, "y")))
    assert seen == []


def test_a_wait_and_a_line_that_ended_are_explained(cli: Cli) -> None:
    told = json.loads(cli("explain", "cache", NAME, "x", "--json").out)["story"]
    assert [one["title"] for one in told] == [
        "Why the line of alice/b ended",
        "Why the write of alice/a waited for 1.0 s, last for alice/b",
    ]
    shown = cli("explain", "cache", NAME, "x").out
    assert "alice/b acknowledged, 1.0 s after it was called." in shown
    assert "prices x: version" in shown
    assert "nobody waited for it" in cli("explain", "cache", NAME, "y").out
    assert cli("explain", "lock", "a", "x").code == exits.USAGE
    assert cli("explain", "cache", NAME).code == exits.USAGE


@pytest.mark.parametrize(
    "args",
    [
        ("list", "--at", "caches/0@5"),
        ("history", NAME, "x", "--at", "caches/0@5"),
        ("history", NAME, ""),
        ("entry", NAME, "x", "--at", "tomorrow"),
        ("watch", ""),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, args: tuple[str, ...]) -> None:
    assert cli("cache", *args).code == exits.USAGE


def test_each_setting_of_the_client_is_an_option() -> None:
    assert SETTINGS.keys() == CacheOptions.__annotations__.keys() - {"mode"}


COMMANDS = (
    "create", "put", "get", "delete", "invalidate", "warm", "list", "show", "entry", "history", "watch", "configure",
    "delete-cache",
)  # fmt: skip


@pytest.mark.parametrize("word", COMMANDS)
def test_the_help_of_each_command_shows_an_example(cli: Cli, word: str) -> None:
    assert f"Example: tidelock cache {word}" in " ".join(cli("cache", word, "--help").out.split())

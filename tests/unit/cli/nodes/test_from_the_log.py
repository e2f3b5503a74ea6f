"""What the command line tells of nodes and services from the logs alone, now and as it was."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from tests.unit.cli.conftest import Cli
from tests.unit.nodes.spec import REGISTRATION, SERVICE, TIMEOUT, beat, offer, sealed
from tests.unit.replay.node_logbook import EPOCH_MS, WHERE, WORDS, NodeBook, Topic
from tidelock.cli import exits
from tidelock.cli.following import follow
from tidelock.cli.node_events import Sentence, Watcher

AT_DEATH = "2020-09-13T12:26:46.000Z"
"""Lease time 6,000, just after `n2` died."""
BEFORE = "2020-09-13T12:26:41.500Z"


def night() -> NodeBook:
    """`n2` falls silent and dies while `n1` goes on; later `n1` leaves."""
    book = NodeBook().do(c.RegisterNode("n1", REGISTRATION, "")).do(c.RegisterNode("n2", REGISTRATION, ""))
    book.do(offer(), 10, session=sealed("n1:1"))
    book.hear(beat(sealed("n1:1"), name="n1"), beat(sealed("n2:2"), name="n2"), lease_ms=1_000)
    book.tick("n2", 3_500).hear(beat(sealed("n1:1"), name="n1"), lease_ms=4_000).tick("n2", 1_000 + TIMEOUT)
    return book.do(c.DeregisterNode("n1", sealed("n1:1")), 9_000)


@pytest.fixture(autouse=True)
def planted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert EPOCH_MS == 1_600_000_000_000

    async def partitions_of(*_: object) -> dict[PartitionId, int]:
        return {WHERE: len(night().records)}

    monkeypatch.setenv("TIDELOCK_KAFKA", "memory:1")
    for module in ("census", "rewinding", "telling"):
        monkeypatch.setattr(f"tidelock.cli.{module}.partitions_of", partitions_of)
        monkeypatch.setattr(f"tidelock.cli.{module}.reader_of", lambda _: lambda _: Topic(night().records))


def lines(cli: Cli, *args: str) -> list[dict[str, Any]]:
    ran = cli(*args, "--json")
    assert ran.code == exits.OK, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_nodes_are_listed_as_they_stood(cli: Cli) -> None:
    n1, n2 = lines(cli, "node", "list", "--at", AT_DEATH)
    assert (n1["node"], n1["status"], n1["heard_ago_ms"]) == ("n1", "ALIVE", 2_000)
    assert (n2["node"], n2["status"], n2["last"]["cause"]) == ("n2", "ENDED", "SILENT")
    shown = cli("node", "list", "--at", AT_DEATH).out
    assert "ENDED (SILENT), 1 unswept" in shown
    assert "2.0 s ago" in shown
    assert [each["status"] for each in lines(cli, "node", "list")] == ["ENDED", "ENDED"]


def test_services_are_listed_as_they_stood(cli: Cli) -> None:
    (told,) = lines(cli, "service", "list", "--at", AT_DEATH)
    assert (told["service"], told["instances"], told["healthy"]) == (SERVICE, 1, 1)
    assert SERVICE in cli("service", "list").out


def test_where_there_is_nothing_it_says_how_there_is_something(cli: Cli) -> None:
    assert "node=tidelock.Node" in cli("node", "list", "--tenant", "other").out
    assert "register()" in cli("service", "list", "--tenant", "other").out


def test_one_node_and_one_service_as_they_stood(cli: Cli) -> None:
    (told,) = lines(cli, "node", "show", "n2", "--at", BEFORE)
    assert (told["status"], told["heard_ago_ms"]) == ("ALIVE", 500)
    (one,) = lines(cli, "service", "instances", SERVICE, "--at", BEFORE)
    assert (one["instance"], one["node"]) == ("i1", "n1")
    assert cli("node", "show", "nobody", "--at", BEFORE).err.startswith("NEVER_USED")


def test_what_became_of_a_node_is_told_without_its_heartbeats(cli: Cli) -> None:
    told = [each["event"]["type"] for each in lines(cli, "node", "events", "n2")]
    assert told == ["NodeRegistered", "NodeSuspected", "NodeDied"]
    ran = cli("node", "events", "nope")
    assert (ran.code, ran.out, ran.err.split(":")[0]) == (exits.NO, "", "NEVER_USED")
    assert lines(cli, "node", "events", "n2", "--since", "2026-01-01T00:00:00Z") == []
    ran = cli("node", "events", "n2", "--utc", "--limit", "1")
    assert "2 older ones are left out" in ran.out
    assert "2020-09-13 12:26:46.000  nodes/0@8  n2 died: silent for 5.0 s" in ran.out


async def test_a_watch_tells_what_comes_from_now_on() -> None:
    class Tail:
        async def read(
            self, starts: Mapping[PartitionId, int]
        ) -> AsyncIterator[Mapping[PartitionId, list[Stored]]]:
            assert starts == {WHERE: 0}
            yield {WHERE: night().records}

    said: list[Sentence] = []
    await follow(Tail(), {WHERE: 8}, WORDS, Watcher("dev", "", said.append).commit)
    assert [one.told.text.split(":")[0] for one in said] == ["died", "left, by alice; LEFT 8"]
    said.clear()
    await follow(Tail(), {WHERE: 8}, WORDS, Watcher("dev", "n1", said.append).commit)
    assert [one.told.name for one in said] == ["n1"]


@pytest.mark.parametrize(
    "args",
    [
        ("node", "list", "--at", "nodes/0@5"),
        ("node", "list", "--tenant", "a/b"),
        ("node", "events", "n1", "--follow", "--until", "-1s"),
        ("node", "show", "", "--at", "-1s"),
        ("node", "brake", "configure", "--fraction", "0"),
        ("service", "list", "--at", "tomorrow"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, args: tuple[str, ...]) -> None:
    assert cli(*args).code == exits.USAGE


COMMANDS = (
    *(
        ("node", each)
        for each in ("list", "show", "watch", "events", "drain", "undrain", "evict", "deregister")
    ),
    *(("node", "brake", each) for each in ("show", "pull", "release", "configure")),
    *(("service", each) for each in ("list", "show", "instances", "watch")),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_each_command_shows_an_example(cli: Cli, words: tuple[str, ...]) -> None:
    ran = cli(*words, "--help")
    assert f"Example: tidelock {' '.join(words)}" in " ".join(ran.out.split())

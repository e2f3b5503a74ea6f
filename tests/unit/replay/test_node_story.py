"""Nodes from their log: all that stands at a moment, and what became of each, in sentences."""

from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes.replies import NodeState
from streams.log.accepted import CommitReader
from streams.log.positions import Position
from streams.replay.census import take_census
from streams.replay.moment import AtEnd, AtPosition, AtTime, Target
from streams.replay.nodes.story import NodeStory
from tests.unit.nodes.spec import REGISTRATION, SERVICE, SETTINGS, TIMEOUT, beat, offer, sealed
from tests.unit.replay.node_logbook import EPOCH_MS, WHERE, WORDS, NodeBook, Topic


def silent() -> NodeBook:
    """`n1` and `n2` register, `n1` offers a service; `n2` falls silent, `n1` nearly does."""
    book = NodeBook().do(c.RegisterNode("n1", REGISTRATION, "")).do(c.RegisterNode("n2", REGISTRATION, ""))
    book.do(offer(), 10, session=sealed("n1:1"))
    book.hear(beat(sealed("n1:1"), name="n1"), beat(sealed("n2:2"), name="n2"), lease_ms=1_000)
    book.tick("n1", 3_500).tick("n2", 3_500)
    book.hear(beat(sealed("n1:1"), name="n1"), lease_ms=3_600)
    return book.tick("n2", 1_000 + TIMEOUT)


async def counted(book: NodeBook, target: Target, tenant: str = "dev", prefix: str = "") -> dict[str, Any]:
    _, census = await take_census(
        Topic(book.records), WHERE, tenant, WORDS, target, progress=lambda done, total: None
    )
    return dict(census.shown(prefix))


async def test_a_census_has_all_that_stands_by_name() -> None:
    found = await counted(silent(), AtEnd())
    assert list(found) == ["n1", "n2", f"service:{SERVICE}"]
    n1: NodeState = found["n1"]
    assert (n1.status, n1.heard_at, n1.beats) == ("ALIVE", 3_600, 2)
    assert found["n2"].status == "ENDED"
    assert list(await counted(silent(), AtEnd(), prefix="service:")) == [f"service:{SERVICE}"]


@pytest.mark.parametrize("target", [AtTime(EPOCH_MS + 3_550), AtPosition(Position(WHERE, 7))], ids=repr)
async def test_a_census_of_before_knows_nothing_of_later(target: Target) -> None:
    found = await counted(silent(), target)
    assert (found["n1"].status, found["n2"].status) == ("SUSPECTED", "SUSPECTED")


async def test_a_census_leaves_other_tenants_and_the_forgotten_out() -> None:
    assert await counted(silent(), AtEnd(), tenant="other") == {}
    book = NodeBook().do(c.RegisterNode("n1", REGISTRATION, "")).do(c.DeregisterNode("n1", sealed("n1:1")), 5)
    book.do(c.SweepDone("n1", sealed("n1:1"), 4), 6).tick("n1", 600_005)
    assert await counted(book, AtEnd()) == {}


def told(book: NodeBook) -> list[str]:
    reader, story = CommitReader(WHERE, WORDS), NodeStory()
    found = []
    for stored in book.records:
        accepted = reader.read(stored)
        for decided in () if accepted is None else accepted.decided:
            for event in decided.events:
                name = decided.decision.key.partition("/")[2]
                found += [f"{each.name} {each.text}" for each in story.tell(name, event)]
    return found


def test_of_heartbeats_only_those_are_told_that_clear_a_suspicion() -> None:
    assert told(silent()) == [
        f"n1 registered: session {sealed('n1:1')} of alice/a, at 10.0.0.1:80, zone z1, dead after 5.0 s of silence",
        f"n2 registered: session {sealed('n2:2')} of alice/a, at 10.0.0.1:80, zone z1, dead after 5.0 s of silence",
        "n1 is suspected: silent for 2.5 s after 1 beat, one was to come every 1.0 s",
        "n2 is suspected: silent for 2.5 s after 1 beat, one was to come every 1.0 s",
        "n1 is heard again",
        "n2 died: silent for 5.0 s after 1 beat, one was to come every 1.0 s; SILENT 8",
    ]


def test_what_operators_and_the_sweeper_do_is_told_with_who_and_why() -> None:
    book = NodeBook().do(c.RegisterNode("n1", REGISTRATION, ""))
    book.do(c.DrainNode("n1", "new disk")).do(c.UndrainNode("n1")).do(c.EvictNode("n1", "", "it hangs"))
    book.do(c.SweepDone("n1", sealed("n1:1"), 16))
    book.do(c.PullBrake(0, 0, 0, "switch")).do(c.ReleaseBrake("done"))
    book.do(c.ConfigureBrake(c.BrakeSettings(30, 3, 10_000, 0, armed=True)))
    assert told(book)[1:] == [
        "n1 gets no new work, by alice (new disk)",
        "n1 gets work again, by alice",
        "n1 was evicted, by alice (it hangs); EVICTED 4",
        f"n1 session {sealed('n1:1')} is swept: 16 partitions know",
        "brake pulled by alice (switch)",
        "brake released by alice (done)",
        "brake has other settings",
    ]


def test_a_node_that_flaps_is_told_to_be_barred_and_a_mass_failure_is_an_alarm() -> None:
    book = NodeBook()
    for turn in range(3):
        at = turn * 10_000
        book.do(c.RegisterNode("n1", REGISTRATION, ""), at).tick("n1", at + TIMEOUT)
    book.do(c.PullBrake(3, 4, SETTINGS.window_ms, "3 of 4 nodes died"), 40_000)
    *_, died, alarm, pulled = told(book)
    assert died.endswith("; strike 3: it may not register for 5.0 s")
    assert alarm == "brake alarm: 3 of 4 nodes died within 10.0 s (3 of 4 nodes died)"
    assert pulled == "brake pulled by alice (3 of 4 nodes died)"


def test_checks_restarts_and_changes_are_told() -> None:
    book = NodeBook().do(c.RegisterNode("n1", REGISTRATION, ""))
    book.do(c.RegisterNode("n1", c.Registration("", "", (), 0, (), TIMEOUT), ""))
    book.do(c.ReportChecks("n1", sealed("n1:1"), (c.Check("disk", "WARNING", ""),)))
    book.do(c.RegisterNode("n1", REGISTRATION, sealed("n1:1")), client="b")
    assert [line.split(":")[0] for line in told(book)[1:]] == [
        "n1 says otherwise of itself",
        "n1 its checks",
        "n1 was replaced by its restart, by alice; REPLACED 4",
        "n1 registered",
    ]

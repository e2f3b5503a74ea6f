"""The sessions of a node, told from its partition's log: which one is meant, and what became of it."""

import pytest

from streams.log.positions import PartitionId
from streams.replay.moment import AtEnd, Walk
from tests.unit.replay.test_node_invariants import NodeBook, book, dead, ours
from tidelock.cli.explain_node import Lives, _chosen
from tidelock.cli.node_options import NodeNeverThere


def lives(made: NodeBook, tenant: str = "dev", node: str = "n1") -> Lives:
    found = Lives(tenant, node)
    walk = Walk(PartitionId("nodes", 0), made.words, AtEnd(), found.commit)
    for stored in made.records:
        walk.take(stored)
    return found


def test_the_latest_session_that_ended_is_told_from_its_beginning_to_its_sweep() -> None:
    made = dead().join("n2", at=5_050).join(at=5_100, client="b").sweep(ours("n1:1"), 3)
    life = _chosen(lives(made), "n1", "")
    assert (life.session, life.is_over, life.ended_ms) == (ours("n1:1"), True, 1004)
    assert [line.text.split(":")[0].split(" ")[0] for line in life.lines] == [
        "registered", "is", "died", "session",
    ]  # fmt: skip
    assert "silent for 5.0 s" in life.lines[2].text and "SILENT 3" in life.lines[2].text


def test_one_session_by_its_name_and_one_that_is_live() -> None:
    made = dead().join(at=5_100, client="b")
    assert not _chosen(lives(made), "n1", ours("n1:4")).is_over
    assert not _chosen(lives(book().join(at=0)), "n1", "").is_over


@pytest.mark.parametrize(
    ("tenant", "node", "session"), [("dev", "n1", ours("n1:9")), ("dev", "n9", ""), ("x", "n1", "")]
)
def test_what_the_log_does_not_know_is_said(tenant: str, node: str, session: str) -> None:
    with pytest.raises(NodeNeverThere, match="node list"):
        _chosen(lives(dead(), tenant, node), node, session)

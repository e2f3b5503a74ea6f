"""The read models of nodes of whatever the real decider does, against the owner's own state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.decider import TIMER, Context, Requester, Tick
from streams.domain.nodes import commands as c
from streams.domain.nodes import decider, heartbeat
from streams.domain.nodes import events as e
from streams.domain.nodes.brake import Brake
from streams.domain.nodes.inspect import node_state
from streams.domain.nodes.names import session_of
from streams.domain.nodes.node import NO_NODE, Node
from streams.domain.nodes.service import Service
from streams.log.accepted import AcceptedCommit, CommitReader
from streams.log.ports import Stored
from streams.projections.nodes import tables
from streams.projections.nodes.projections import AUDIT, NODES
from streams.projections.nodes.rows import instance_change_of, service_then
from streams.projections.nodes.values import NEVER
from streams.projections.nodes.windows import NodeCounts
from streams.projections.projection import Projection
from tests.property.projections.sink import (
    Rows,
    Sink,
    closed_as_they_stood,
    fold_on,
    gauges,
    named,
    same_in_stretches,
)
from tests.unit.nodes.spec import REGISTRATION
from tests.unit.projections.nodes.spec import WHERE, WORDS, did
from tests.unit.replay.logbook import Logbook

EXAMPLES = settings(max_examples=40, deadline=None)
KEYS = ("dev/n1", "dev/n2", "dev/service:s", "dev/brake")
VERBS = ("register", "beats", "beats", "tick", "tick", "leave", "evict", "drain", "undrain", "sweep", "change",
         "offer", "offer", "update", "fail", "withdraw", "pull", "release", "configure")  # fmt: skip


@dataclass(frozen=True)
class Move:
    """One command, the one it is of, and how long after the last one."""

    verb: str
    pick: int
    later_ms: int
    commit: bool


MOVES = st.lists(
    st.builds(Move, st.sampled_from(VERBS), st.integers(0, 5), st.sampled_from((0, 100, 2_600, 9_000)), st.booleans()),
    max_size=90,
)  # fmt: skip


class History:
    """A log in the making, and the states that its owner has."""

    def __init__(self) -> None:
        self.states: dict[str, Any] = {key: decider.initial(key) for key in KEYS}
        self.book, self.times = Logbook("nodes").begun(), [0, 0]
        self.now, self.number, self.pending = 0, 1, list[Any]()
        self.seen: list[dict[str, Any]] = []

    def play(self, moves: list[Move]) -> History:
        for move in moves:
            self.now += move.later_ms
            self._play(move)
            if move.commit:
                self._commit()
        self._commit()
        return self

    @property
    def commits(self) -> list[AcceptedCommit]:
        reader = CommitReader(WHERE, WORDS)
        read = [
            reader.read(Stored(r.offset, ms, r.value))
            for r, ms in zip(self.book.records, self.times, strict=True)
        ]
        return [one for one in read if one is not None]

    def _session(self, name: str) -> str:
        node = self.states[f"dev/{name}"]
        if node.member is not None:
            session: str = node.member.session
            return session
        return node.past.unswept[0].session if node.past.unswept else f"{name}:1"

    def _play(self, move: Move) -> None:
        name = ("n1", "n2")[move.pick % 2]
        key, session, instance = f"dev/{name}", self._session(name), f"i{move.pick}"
        told: dict[str, tuple[str, Any]] = {
            "register": (key, c.RegisterNode(name, REGISTRATION, session if move.pick > 3 else "")),
            "change": (key, c.RegisterNode(name, replace(REGISTRATION, zone=f"z{move.pick}"), "")),
            "leave": (key, c.DeregisterNode(name, session)),
            "evict": (key, c.EvictNode(name, "", "why")),
            "drain": (key, c.DrainNode(name, "why")),
            "undrain": (key, c.UndrainNode(name)),
            "sweep": (key, c.SweepDone(name, session, 3)),
            "offer": ("dev/service:s", c.RegisterInstance("s", instance, "h", "z", 1, (), True, 1, 1, move.pick > 3)),
            "update": ("dev/service:s", c.UpdateInstance("s", instance, move.later_ms % 9, (), 0)),
            "fail": ("dev/service:s", c.ReportHealth("s", instance, move.later_ms > 99, 1, "r")),
            "withdraw": ("dev/service:s", c.DeregisterInstance("s", instance)),
            "pull": ("dev/brake", c.PullBrake(3, 4, 1_000, "c")),
            "release": ("dev/brake", c.ReleaseBrake("")),
            "configure": ("dev/brake", c.ConfigureBrake(c.BrakeSettings(50, 3, 9_000, 1_000 * move.pick, True))),
        }  # fmt: skip
        if move.verb == "tick":
            for each in KEYS:
                due = decider.next_deadline(self.states[each])
                if due is not None and due <= self.now:
                    self._decide(each, Tick(), TIMER)
        elif move.verb == "beats":
            self._beats(move)
        else:
            who = Requester("p", "c", "", 1, session_of("n1", 1, "p"), ("OPERATOR", "SYSTEM"))
            self._decide(*told[move.verb], who)

    def _beats(self, move: Move) -> None:
        live = [one.member for key in KEYS[:2] if (one := self.states[key]).member is not None]
        if live:
            health: c.Health = "WARNING" if move.pick == 0 else "PASSING"
            beats = tuple(e.Beat(one.name, one.token, move.pick, health) for one in live)
            self._decide(f"dev/{beats[0].name}", heartbeat.Heartbeats(beats), TIMER)

    def _decide(self, key: str, command: Any, who: Requester) -> None:
        decision = decider.decide(command, who, self.states[key], Context(self.now, 0, self.number))
        self.number += len(decision.events)
        for event in decision.events:
            keys = heartbeat.heard_keys("dev", event) if isinstance(event, e.NodesHeard) else (key,)
            for each in keys:
                self.states[each] = decider.evolve(self.states[each], event)
        self.pending.append(did(*decision.events, key=key, command=type(command).__name__))

    def _commit(self) -> None:
        self.book.clock = self.now - 10
        self.book.commit(*self.pending)
        self.times.append(1_000_000 + self.now)
        self.pending = []
        self.seen.append(dict(self.states))


def project(projection: Projection, past: History) -> list[Rows]:
    """Fold commit by commit; return how the rows were behind each."""
    sink, fold, seen = Sink(), projection.fold(WHERE, WORDS), []
    for accepted in past.commits:
        assert fold_on(fold, accepted) == set()
        sink.apply(fold.take())
        seen.append(sink.copy())
    return seen


@pytest.mark.parametrize("projection", [NODES, AUDIT], ids=["nodes", "audit"])
@given(moves=MOVES, cuts=st.lists(st.sampled_from(["on", "take", "restart"]), min_size=91, max_size=91))
@EXAMPLES
def test_any_stretches_and_restarts_give_the_same_rows(
    projection: Projection, moves: list[Move], cuts: list[str]
) -> None:
    past = History().play(moves)
    seen = project(projection, past)
    commits = past.commits
    same_in_stretches(lambda: projection.fold(WHERE, WORDS), projection, commits, cuts, seen)


@given(moves=MOVES)
@EXAMPLES
def test_the_rows_say_what_the_owner_holds(moves: list[Move]) -> None:
    past = History().play(moves)
    for states, rows in zip(past.seen, project(NODES, past), strict=True):
        told = {f"dev/{row['name']}": row for row in named(rows, tables.NODES)}
        there = {key: one for key, one in states.items() if isinstance(one, Node) and one is not NO_NODE}
        assert told.keys() == there.keys()
        for key, node in there.items():
            shown, row = node_state(node), told[key]
            assert (row["status"], row["session"]) == (shown.status, shown.session)
            assert (row["draining"], row["strikes"]) == (shown.draining, shown.strikes)
            if shown.status != "ENDED":
                assert (row["health"], row["zone"]) == (shown.health, shown.registration.zone)  # type: ignore[union-attr]
            assert row["unswept"].count('"session"') == len(shown.unswept)
        service = states["dev/service:s"]
        assert isinstance(service, Service)
        assert {
            row["instance"]: (row["weight"], row["healthy"], row["draining"], row["version"])
            for row in named(rows, tables.SERVICE_INSTANCES)
        } == {
            name: (one.weight, one.healthy, one.draining, one.version)
            for name, one in service.instances.items()
        }
        assert [row["version"] for row in named(rows, tables.SERVICES)] == [service.version] * bool(
            service.instances
        )
        brake = states["dev/brake"]
        assert isinstance(brake, Brake)
        assert [row["pulled"] for row in named(rows, tables.BRAKES)] in ([brake.pulled], [])


@given(moves=MOVES)
@EXAMPLES
def test_as_of_any_commit_history_says_what_the_owner_held(moves: list[Move]) -> None:
    past = History().play(moves)
    rows = project(NODES, past)[-1]
    for accepted, states in zip(past.commits, past.seen, strict=True):
        for name in ("n1", "n2"):
            before = [
                row
                for row in named(rows, tables.NODE_HISTORY)
                if row["name"] == name and row["changed_offset"] <= accepted.offset
            ]
            last = max(before, key=lambda row: int(row["event"]), default=None)
            node = states[f"dev/{name}"]
            if node is NO_NODE:
                assert last is None or last["what"] == "FORGOTTEN"
            else:
                assert last is not None
                assert (last["status"], last["health"] if node.member else "") == (
                    node_state(node).status, node.pulse.health if node.member else "",
                )  # fmt: skip
        assert {one.instance: one.weight for one in _instances_then(rows, accepted.offset)} == {
            name: one.weight for name, one in states["dev/service:s"].instances.items()
        }


@given(moves=MOVES)
@EXAMPLES
def test_windows_count_what_history_tells_and_how_all_stand(moves: list[Move]) -> None:
    """What rows and history say is compared with the owner's state above."""
    seen = project(NODES, History().play(moves))
    assert closed_as_they_stood(seen, NodeCounts)
    for rows in seen:
        windows = named(rows, tables.NODE_WINDOWS)
        happened = Counter(row["what"] for row in named(rows, tables.NODE_HISTORY))
        for what, counter in (("REGISTERED", "registered"), ("SUSPECTED", "suspected"), ("DIED", "died")):
            assert sum(row[counter] for row in windows) == happened[what]
        assert sum(row["evicted"] + row["deregistered"] for row in windows) == happened["LEFT"]
        offered = Counter(row["what"] for row in named(rows, tables.INSTANCE_HISTORY))
        assert sum(row["instances_offered"] for row in windows) == offered["REGISTERED"]
        assert sum(row["instances_left"] for row in windows) == offered["LEFT"]
        nodes, instances = named(rows, tables.NODES), named(rows, tables.SERVICE_INSTANCES)
        for found in gauges(rows, NodeCounts).values():
            told = dict(zip(NodeCounts.measures.gauges, found, strict=True))
            stood = Counter(row["status"] for row in nodes)
            assert (told["alive"], told["suspects"], told["ended"]) == (
                stood["ALIVE"], stood["SUSPECTED"], stood["ENDED"],
            )  # fmt: skip
            health = Counter(row["health"] for row in nodes if row["status"] != "ENDED")
            assert (told["warning"], told["critical"]) == (health["WARNING"], health["CRITICAL"])
            assert told["draining"] == sum(row["draining"] for row in nodes)
            assert told["instances"] == len(instances)
            assert told["instances_healthy"] == sum(row["healthy"] for row in instances)


def _instances_then(rows: Rows, offset: int) -> tuple[Any, ...]:
    """By the rule of `tables.INSTANCE_HISTORY`."""
    found = [row for row in named(rows, tables.INSTANCE_HISTORY) if row["changed_offset"] <= offset]
    found.sort(key=lambda row: (row["event"], row["part"]))
    back = found[-64:]
    begins = [at for at, row in enumerate(back) if row["keyframe"] is not None or row["spell"] == 1]
    anchor = max(begins, default=0)
    named_there = back[anchor]["keyframe"] or () if back else ()
    older = [row for row in found[:-64] + back[:anchor] if row["event"] in named_there]
    told = ("part", "what", "cause", "why", "spell", "keyframe", "partition", "service", "instance",
            *tables.INSTANCE_STATE.names)  # fmt: skip
    changes = [
        instance_change_of((*[row[name] for name in told], None, None)) for row in older + back[anchor:]
    ]
    service = service_then("s", changes, NEVER)
    return () if service is None else service.instances

"""`given(at(time, did(event, ...)), ...).shows(TABLE, columns, row, ...)`, for the read models of nodes.

Each `at` is one commit at that event time, folded and taken as one stretch; lease time rises by 10 ms a commit.
Events are those of node `n1` of tenant `dev` unless a key says otherwise; generation 0, so that a token is its event's
number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.domain.nodes.kind import NODES as KIND
from streams.log.accepted import AcceptedCommit
from streams.log.positions import PartitionId
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.projections.nodes.projections import NODES
from streams.projections.projection import Projection
from tests.unit.nodes.spec import NAME, offered
from tests.unit.projections.spec import Moment, Spec, at
from tests.unit.projections.spec import commits as commits_of
from tests.unit.replay.logbook import decision, timer

__all__ = ["at"]

NODE = f"dev/{NAME}"
SERVICE = "dev/service:pay"
BRAKE = "dev/brake"
WHERE = PartitionId("nodes", 0)
WORDS = Vocabulary(KIND)
EVIDENCE = e.Evidence(10, 2_500, 3, 1_000)
SETTINGS = c.BrakeSettings(50, 3, 10_000, 60_000, True)


def did(*events: Any, key: str = NODE, **changes: Any) -> LoggedDecision:
    """Some command's decision with these events."""
    made = decision(1, key=key, **{"command": "RegisterNode", "client": "c", **changes})
    return replace(made, events=tuple(map(WORDS.encode_event, events)))


def due(*events: Any, key: str = NODE) -> LoggedDecision:
    """A timer's decision."""
    return replace(timer(), key=key, events=tuple(map(WORDS.encode_event, events)))


def beats(*told: e.Beat) -> LoggedDecision:
    """Heartbeats that were gathered."""
    heard = e.NodesHeard(0, told)
    made = replace(due(heard, key=f"dev/{told[0].name}"), lane="ENGINE", command="Heartbeats")
    return replace(made, meta=replace(made.meta, tenant="dev"))


def registered(name: str = NAME, token: int = 1, labels: tuple[c.Label, ...] = (), zone: str = "z1") -> Any:
    told = c.Registration("10.0.0.1:80", zone, labels, 8, (), 5_000)
    return e.NodeRegistered(name, f"{name}:{token}", token, "alice", "client-a", 0, told)


def died(session: str = f"{NAME}:1", strikes: int = 1, barred_until: int = 0) -> e.NodeDied:
    return e.NodeDied(session, "SILENT", 9, 5_000, EVIDENCE, strikes, barred_until)


def left(session: str = f"{NAME}:1", cause: e.EndCause = "EVICTED", why: str = "patch") -> e.NodeLeft:
    return e.NodeLeft(session, cause, 9, 5_000, "root", why, 0)


def offer(version: int, instance: str = "i1", **changed: Any) -> e.InstanceRegistered:
    return e.InstanceRegistered(offered(version, instance, **changed))


def gone(version: int, *instances: str) -> e.InstancesLeft:
    return e.InstancesLeft(f"{NAME}:1", "SESSION_ENDED", "SILENT 9", instances, version)


def commits(*moments: Moment) -> list[AcceptedCommit]:
    return commits_of(*moments, where=WHERE, words=WORDS)


def spec(projection: Projection = NODES) -> Spec:
    return Spec(projection, WHERE, WORDS)


def given(*moments: Moment) -> Spec:
    """Fold commits, each a stretch of its own."""
    told = spec()
    for accepted in commits(*moments):
        told.fold.commit(accepted)
        told.take()
    return told

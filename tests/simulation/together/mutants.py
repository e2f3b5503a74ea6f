"""Planted bugs of nodes, sessions, the sweeper and what the client library makes of them. Each must be found."""

from dataclasses import replace
from typing import Any

from streams.domain.locks import sessions as lock_sessions
from streams.domain.nodes import heartbeat, instances, node_fold, registration, verdicts
from streams.domain.nodes.names import node_of
from streams.domain.queues import draft as queue_draft
from streams.domain.queues import sessions as queue_sessions
from streams.engine import admission, batch, own_commands
from streams.engine.admission import MAX_AHEAD_MS, Verdict
from streams.engine.clock import LeaseClock
from streams.processes.sweeper.failures import MassFailures
from streams.processes.sweeper.process import SweeperProcess
from streams.processes.sweeper.sweeper import Sweeper
from streams.processes.sweeper.sweeps import Sweeps
from tests.simulation.mutants.mutant import Mutant
from tidelock.client.lease import Lease
from tidelock.client.nodes.heart import Heart

_add, _told, _tell = Sweeps.add, Sweeps.told, SweeperProcess._tell
_admit, _init, _heard = admission.admit, LeaseClock.__init__, node_fold.heard
_session_gone, _begin, _answered = instances.session_gone, registration._begin, Heart._answered


# ── the sweeper ─────────────────────────────────────────────────────────────────────────────────────────────


def _add_but_one(self: Any, sweep: Any, partitions: Any = ()) -> None:
    _add(self, sweep, partitions or self.partitions[1:])


async def _tell_of_the_node(self: Any, where: Any, sweep: Any) -> bool:
    live = self.sweeper._live.get(node_of(sweep.session))
    if live is not None and sweep.untold:
        await self._lane.end(where, live.session, sweep.cause)
    return bool(await _tell(self, where, sweep))


def _told_one(self: Any, sweep: Any) -> None:
    if sweep.untold:
        sweep.untold = 1
        _told(self, sweep)


# ── the engine ──────────────────────────────────────────────────────────────────────────────────────────────


def _admits_the_ended(pending: Any, state: Any, mark_ms: int, *, deduplicated: bool) -> Any:
    verdict, known = _admit(pending, state, mark_ms, deduplicated=deduplicated)
    if getattr(known, "code", "") == "SESSION_ENDED" and verdict is Verdict.REFUSE:
        return Verdict.DECIDE, None
    return verdict, known


def _counts_the_outage(self: Any, lease_ms: int, monotonic_ms: int) -> None:
    _init(self, lease_ms + (2_000 if lease_ms else 0), monotonic_ms)


# ── deciders and folds ──────────────────────────────────────────────────────────────────────────────────────


def _leases_stay(draft: Any, name: str, command: Any) -> bool:
    for wait in draft.queue.subscriptions[name].waits.values():
        if wait.session == command.session:
            draft.add(queue_draft.ended(wait, "SESSION_ENDED"), 128)
    return True


def _one_leaves(command: Any, service: Any, context: Any) -> Any:
    mine = [name for name, each in service.instances.items() if each.session == command.session]
    return _session_gone(command if len(mine) > 1 else replace(command, session=""), service, context)


def _heard_unheard(node: Any, event: Any) -> Any:
    after = _heard(node, event)
    return replace(after, pulse=replace(after.pulse, at=node.pulse.at))


def _begin_beside(name: str, asked: Any, who: Any, node: Any, context: Any) -> Any:
    return _begin(name, asked, who, replace(node, member=None), context)


# ── the client library ──────────────────────────────────────────────────────────────────────────────────────


def _heard_at_the_answer(self: Any, beat: Any, outcome: Any) -> None:
    _answered(self, beat, outcome)
    if type(outcome).__name__ == "Heard":
        self._member.heard(self._nodes.clock.now())


MUTANTS = (
    Mutant(
        "a partition is skipped",
        "the sweep ends a session in all partitions but the first",
        lambda: [(Sweeps, "add", _add_but_one)],
    ),
    Mutant(
        "sweep of the node",
        "the sweep ends whatever session the node has by now",
        lambda: [(SweeperProcess, "_tell", _tell_of_the_node)],
    ),
    Mutant(
        "swept after one answer",
        "the node hears that its session is swept when the first partition has answered",
        lambda: [(Sweeps, "told", _told_one)],
    ),
    Mutant(
        "brake ignored",
        "sessions that ended by silence are ended though the brake is pulled",
        lambda: [(Sweeper, "_is_held", lambda self, sweep: False)],
    ),
    Mutant(
        "mass failure not told",
        "nobody pulls the brake when most nodes die at once",
        lambda: [(MassFailures, "judge", lambda self, live: None)],
    ),
    Mutant(
        "brake by deaths alone",
        "the first half of a mass failure is swept before it is seen as one",
        lambda: [(MassFailures, "_looms", lambda self, live: False)],
        first_history=16,
    ),
    Mutant(
        "ended session admitted",
        "a partition goes on deciding for a session that it was told has ended",
        lambda: [(batch, "admit", _admits_the_ended)],
    ),
    Mutant(
        "ended session forgotten",
        "a partition refuses an ended session for a second only",
        lambda: [(own_commands, "LONGEST_LEASE_MS", 1_000 - MAX_AHEAD_MS)],
    ),
    Mutant(
        "silence without an owner",
        "a new owner counts the time without one as silence",
        lambda: [(LeaseClock, "__init__", _counts_the_outage)],
    ),
    Mutant(
        "beat of the dead",
        "a heartbeat of a session that ended is heard",
        lambda: [(heartbeat, "not_live", lambda name, session, node: None)],
    ),
    Mutant(
        "beats do not count",
        "the verdict comes a timeout after the registration, whatever was heard since",
        lambda: [(node_fold, "heard", _heard_unheard)],
    ),
    Mutant(
        "no backoff",
        "a node that dies again and again may come back at once",
        lambda: [(verdicts, "_barred_until", lambda strikes, now: 0)],
        first_history=34,
    ),
    Mutant(
        "two sessions of a node",
        "a restarted node begins a session and the earlier one does not end",
        lambda: [(registration, "_begin", _begin_beside)],
    ),
    Mutant(
        "waits outlive the session",
        "an ended session's waiters are not withdrawn from locks",
        lambda: [(lock_sessions, "_end_waits", lambda draft, command: True)],
        first_history=5,
    ),
    Mutant(
        "messages outlive the session",
        "an ended session's messages stay leased",
        lambda: [(queue_sessions, "_end_in", _leases_stay)],
        first_history=42,
    ),
    Mutant(
        "instance outlives the session",
        "a node's last instance stays in discovery",
        lambda: [(instances, "session_gone", _one_leaves)],
    ),
    Mutant(
        "lease past the session",
        "the client trusts a lease as long as it runs, whatever becomes of its node",
        lambda: [(Lease, "trusted_until", lambda self: self.leased_until())],
        first_history=14,
    ),
    Mutant(
        "heard at the answer",
        "the client counts its session from when a heartbeat was answered, not from before it was sent",
        lambda: [(Heart, "_answered", _heard_at_the_answer)],
        first_history=15,
    ),
)

"""What the process shows of itself over HTTP: /metrics (Prometheus), /status (JSON), /ready."""

from dataclasses import dataclass, field

from streams.ops.http import OK, UNAVAILABLE, Application, pages
from streams.processes.deadlocks.process import DeadlockProcess
from streams.processes.mover.process import MoverProcess, MoverState
from streams.processes.sweeper.process import SweeperProcess, SweeperState
from streams.processes.tier.process import TierProcess

SHOWN = 20
"""Queues, or partitions, that are waited for, by name."""


@dataclass(slots=True)
class AtWork:
    """What this process does, as it begins it; nothing before it has started."""

    detectors: list[DeadlockProcess] = field(default_factory=list)
    """The last is at work."""
    movers: list[MoverProcess] = field(default_factory=list)
    sweepers: list[SweeperProcess] = field(default_factory=list)
    tiers: list[TierProcess] = field(default_factory=list)

    @property
    def current(self) -> list[DeadlockProcess | MoverProcess | SweeperProcess | TierProcess]:
        """All that is at work."""
        return [*self.detectors[-1:], *self.movers[-1:], *self.sweepers[-1:], *self.tiers[-1:]]

    @property
    def tailing(self) -> bool:
        """Whether it could read all its logs when it last tried. Not those that a tier which is away keeps it from."""
        needed = [each for each in self.current if not isinstance(each, TierProcess)]
        return bool(self.current) and all(each.tailing for each in needed)


def application(name: str, at_work: AtWork) -> Application:
    """Return the pages of the process."""

    def ready() -> tuple[str, object]:
        return OK if at_work.tailing else UNAVAILABLE, {"ready": at_work.tailing}

    return pages({"/status": lambda: (OK, status_of(name, at_work)), "/ready": ready})


def status_of(name: str, at_work: AtWork) -> dict[str, object]:
    """Return how far it has read, what became of the circles it saw, what it moves and sweeps, and the tier."""
    detector = at_work.detectors[-1] if at_work.detectors else None
    offsets = {
        str(where): reader.next_offset for each in at_work.current for where, reader in each.readers.items()
    }
    return {
        "process": name,
        "tailing": at_work.tailing,
        "leads": detector is not None and detector.leads,
        "partitions": offsets,
        "cycles": {} if detector is None else detector.detector.counts.by_outcome(),
        "under_way": 0 if detector is None else len(detector.detector.candidates),
        "moves": _moves(at_work.movers[-1] if at_work.movers else None),
        "sweeps": _sweeps(at_work.sweepers[-1] if at_work.sweepers else None),
        "tier": {"signed": at_work.tiers[-1].signed if at_work.tiers else 0},
    }


def _moves(mover: MoverProcess | None) -> dict[str, object]:
    state = MoverState() if mover is None else mover.state
    waited_for = [
        {"queue": queue, "code": pause.code, "why": pause.why, "pause_s": pause.pause_s}
        for queue, pause in state.paused[:SHOWN]
    ]
    return {
        "leads": mover is not None and mover.leads,
        "moving": state.moving,
        "under_way": state.under_way,
        "waits": len(state.paused),
        "waited_for": waited_for,
    }


def _sweeps(sweeper: SweeperProcess | None) -> dict[str, object]:
    state = SweeperState() if sweeper is None else sweeper.state
    return {
        "leads": sweeper is not None and sweeper.leads,
        "unswept": state.unswept,
        "held": state.held,
        "brake_pulled": state.pulled,
        "mass_failure_looms": state.looms,
        "claims": state.claims,
        "nodes": state.nodes,
        "suspected": state.suspected,
        "waits": len(state.waited_for),
        "waited_for": [{"partition": str(where), "code": code} for where, code in state.waited_for[:SHOWN]],
    }

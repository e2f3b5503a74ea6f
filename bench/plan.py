"""How long and how often to measure, and where progress is told."""

from collections.abc import Callable
from dataclasses import dataclass

from streams.log.positions import PartitionId

WHERE = PartitionId("locks", 0)
"""The one partition everything runs on."""
CLIENTS = (1, 32, 256)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run of the benchmark."""

    rounds: int
    seconds: float
    """Length of one round."""
    warm_up_s: float
    """Load before the first row: the broker's just-in-time compiler needs it."""
    row_warm_up_s: float
    """Load before each row."""
    held_locks: int
    """Locks held when memory is measured."""
    log_decisions: int
    """Decisions in the log when a worker takes over."""
    queued_messages: int
    """Messages in one queue when memory and rate are measured."""
    swept_locks: int
    """Locks of a node that dies."""
    traced_ios: int
    """Requests of a trace, at the most."""
    say: Callable[[str], None]
    """Told what is being measured."""


def full(rounds: int, seconds: float, say: Callable[[str], None]) -> Plan:
    """Return the plan whose numbers may be quoted."""
    return Plan(rounds, seconds, 20.0, 1.0, 100_000, 10_000, 1_000_000, 10_000, 120_000, say)


def quick(say: Callable[[str], None]) -> Plan:
    """Return the plan that only shows that everything runs."""
    return Plan(1, 1.0, 2.0, 0.3, 10_000, 1_000, 110_000, 1_000, 3_000, say)

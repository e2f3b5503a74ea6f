"""What the process shows of itself over HTTP: /metrics (Prometheus), /status (JSON), /ready."""

from collections.abc import Sequence

from streams.ops.http import OK, UNAVAILABLE, Application, pages
from streams.processes.deadlocks.process import DeadlockProcess


def application(name: str, current: Sequence[DeadlockProcess]) -> Application:
    """Return the pages of the process; the last of `current` is at work, none before it has started."""

    def ready() -> tuple[str, object]:
        tailing = bool(current) and current[-1].tailing
        return OK if tailing else UNAVAILABLE, {"ready": tailing}

    return pages({"/status": lambda: (OK, status_of(name, current)), "/ready": ready})


def status_of(name: str, current: Sequence[DeadlockProcess]) -> dict[str, object]:
    """Return how far it has read, and what became of the circles it saw."""
    if not current:
        return {
            "process": name,
            "tailing": False,
            "leads": False,
            "partitions": {},
            "cycles": {},
            "under_way": 0,
        }
    process = current[-1]
    return {
        "process": name,
        "tailing": process.tailing,
        "leads": process.leads,
        "partitions": {str(where): reader.next_offset for where, reader in process.readers.items()},
        "cycles": process.detector.counts.by_outcome(),
        "under_way": len(process.detector.candidates),
    }

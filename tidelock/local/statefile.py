"""`.tidelock/stack.json`: how other commands find a running stack, and a new stack what a dead one left."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tidelock.local import lock
from tidelock.local.addresses import Addresses, InfluxAddress

_NAME = "stack.json"


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One part as written down."""

    name: str
    state: str
    pid: int | None
    created: float
    address: str
    log: str
    restarts: int = 0


def write(home: Path, pid: int, addresses: Addresses | None, parts: Iterable[PartRecord]) -> None:
    """Replace the file in one step; readable by the owner only, for it holds InfluxDB's token."""
    content = {
        "pid": pid,
        "addresses": asdict(addresses) if addresses else None,
        "parts": [asdict(part) for part in parts],
    }
    unfinished = home / f"{_NAME}.new"
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(content, indent=1))
    unfinished.replace(home / _NAME)


def running(home: Path) -> Addresses | None:
    """Return the addresses of the stack that runs in `home` and is ready, else None."""
    content = _read(home)
    if not lock.is_held(home) or not content.get("addresses"):
        return None
    saved = content["addresses"]
    influx = saved["influx"]
    return Addresses(
        kafka=saved["kafka"],
        postgres=saved["postgres"],
        redis=saved["redis"],
        influx=InfluxAddress(**influx) if influx else None,
        workers=tuple(saved["workers"]),
        apis=tuple(saved["apis"]),
    )


def parts(home: Path) -> tuple[PartRecord, ...]:
    """Return what is written about each part, whether or not the stack still runs."""
    return tuple(PartRecord(**part) for part in _read(home).get("parts", ()))


def worker_metrics(home: Path) -> dict[str, str]:
    """Return where each worker serves /status and /metrics, by the worker's name."""
    try:
        ports = json.loads((home / "ports.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    keys = {part.name: f"{part.name}-metrics" for part in parts(home) if part.name.startswith("worker-")}
    return {name: f"127.0.0.1:{ports[key]}" for name, key in keys.items() if key in ports}


def _read(home: Path) -> dict[str, Any]:
    try:
        content = json.loads((home / _NAME).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}

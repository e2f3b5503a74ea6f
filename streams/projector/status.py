"""What a projector shows of itself over HTTP: /metrics (Prometheus), /status (JSON), /ready."""

import time
from collections.abc import Sequence
from typing import Any, Final
from wsgiref.simple_server import WSGIServer

from streams.ops.http import OK, UNAVAILABLE, pages, serve
from streams.projector.ends import Ends
from streams.projector.keeper import WindowKeeper
from streams.projector.projector import Projector
from streams.projector.publisher import Publisher
from streams.projector.telemetry import Standing, observe, observe_points, standings

_BEGUN: Final = frozenset({"following", "catching up", "left alone"})


class Shown:
    """All that a projector can say of itself; parts come as they are opened."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waits_for: str | None = "its start"
        """What it cannot begin without."""
        self.projector: Projector | None = None
        self.ends: Ends | None = None
        self.publishers: Sequence[Publisher] = ()
        self.keeper: WindowKeeper | None = None

    @property
    def ready(self) -> bool:
        """Whether it has its place in the group, and every lane has begun that is not left to another release."""
        projector = self.projector
        if self.waits_for is not None or projector is None or not projector.joined:
            return False
        return all(lane.phase in _BEGUN for lane in projector.lanes.copy().values())

    def status(self) -> dict[str, Any]:
        """Return what is projected here and how it fares."""
        return {
            "projector": self.name,
            "ready": self.ready,
            "waits_for": self.waits_for,
            "logs_seen_s": self._logs_seen_s(),
            "lanes": [self._lane(standing) for standing in self._standings()],
            "publishers": [_publisher(one) for one in self.publishers],
            "windows": {}
            if self.keeper is None
            else {
                name: {"forgotten": gone.rows, "dropped": gone.unpublished}
                for name, gone in self.keeper.forgotten.items()
            },
        }

    def _logs_seen_s(self) -> float | None:
        """Return how long ago Kafka last told where the logs end; lags are as of then."""
        seen_s = None if self.ends is None else self.ends.seen_s
        return None if seen_s is None else round(time.monotonic() - seen_s, 1)

    def _standings(self) -> list[Standing]:
        if self.projector is None or self.ends is None:
            return []
        return standings(self.projector, self.ends)

    def _lane(self, standing: Standing) -> dict[str, Any]:
        lane, assembled = standing.lane, self.projector
        assert assembled is not None
        mirror = assembled.mirrors.get(lane.name)
        return {
            "projection": lane.name.projection,
            "kind": lane.name.where.kind,
            "partition": lane.name.where.partition,
            "phase": lane.phase,
            "offset": standing.offset,
            "lag": standing.lag,
            "lag_ms": standing.lag_ms,
            "decisions": lane.decisions,
            "writing_s": round(lane.writing_s, 3),
            "trouble": _trouble(lane.trouble),
            "hot_trouble": None if mirror is None else _trouble(mirror.trouble),
        }

    def observe(self) -> None:
        """Set the gauges."""
        if self.projector is not None and self.ends is not None:
            observe(self.projector, self.ends)
        observe_points(self.publishers, self.keeper)


def serve_status(address: str, shown: Shown) -> WSGIServer:
    """Serve the projector's status at `address` until `shutdown`. Raises `OSError` if it cannot listen there."""
    by_path = {
        "/status": lambda: (OK, shown.status()),
        "/ready": lambda: (
            OK if shown.ready else UNAVAILABLE,
            {"ready": shown.ready, "waits_for": shown.waits_for},
        ),
    }
    return serve(address, pages(by_path, before_metrics=shown.observe))


def _trouble(error: Exception | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"code": getattr(error, "code", type(error).__name__), "message": str(error)}


def _publisher(one: Publisher) -> dict[str, Any]:
    return {
        "projection": one.projection.name,
        "has_turn": one.has_turn,
        "published": one.published,
        "refused": one.refused,
        "too_old": one.too_old,
        "others": one.others,
        "trouble": _trouble(one.trouble),
    }

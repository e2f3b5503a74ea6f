"""The results as a table: what was to be reached, what was, and how far the rounds lie apart. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: where its value stands in the results, and the reach."""

    name: str
    path: tuple[str, ...]
    unit: str
    most: float | None = None
    """Reached at or below it."""
    least: float | None = None
    """Reached at or above it."""

    @property
    def reach(self) -> str:
        """The reach in words."""
        if self.most is not None:
            return f"≤ {number(self.most)} {self.unit}"
        return "" if self.least is None else f"≥ {number(self.least)} {self.unit}"

    def reached(self, value: float) -> bool | None:
        """Say whether `value` is good enough; None without a reach. NaN never is."""
        if self.most is not None:
            return value <= self.most
        return None if self.least is None else value >= self.least


PAIRS, MS = "pairs/s", "ms"

FIGURES: tuple[Figure, ...] = (
    Figure("direct, 1 client: p50", ("direct", "1", "p50_ms"), MS, most=1.0),
    Figure("direct, 1 client: p99", ("direct", "1", "p99_ms"), MS),
    Figure("direct, 32 clients", ("direct", "32", "pairs_per_s"), PAIRS, least=8000),
    Figure("direct, 256 clients", ("direct", "256", "pairs_per_s"), PAIRS, least=18_000),
    Figure("direct, 256 clients: p99", ("direct", "256", "p99_ms"), MS),
    Figure("direct, 256 handles, one connection", ("direct_one_connection", "256", "pairs_per_s"), PAIRS),
    Figure("topic lane, 1 client: p50", ("topic", "1", "p50_ms"), MS),
    Figure("topic lane, 32 clients", ("topic", "32", "pairs_per_s"), PAIRS),
    Figure("topic lane, 256 clients", ("topic", "256", "pairs_per_s"), PAIRS, least=10_000),
    Figure("one lock, 32 clients, FIFO", ("contended_32", "grants_per_s"), "grants/s", least=1800),
    Figure("one lock: fewest grants to a client", ("contended_32", "min_grants"), "grants"),
    Figure("one lock: most grants to a client", ("contended_32", "max_grants"), "grants"),
    Figure("one lock: most minus fewest grants", ("contended_32", "worst_difference"), "grants", most=1),
    Figure("direct, fsync, 1 client: p50", ("direct_fsync", "1", "p50_ms"), MS),
    Figure("direct, fsync, 32 clients", ("direct_fsync", "32", "pairs_per_s"), PAIRS),
    Figure("direct, fsync, 256 clients", ("direct_fsync", "256", "pairs_per_s"), PAIRS),
    Figure("replay, one core", ("replay", "decisions_per_s"), "decisions/s", least=100_000),
    Figure("replay: decisions a record", ("replay", "decisions_per_record"), ""),
    Figure("replay, fetching from Kafka", ("replay", "fetching_decisions_per_s"), "decisions/s"),
    Figure("take-over, SIGTERM", ("takeover", "graceful_ms"), MS, most=500),
    Figure("take-over, SIGKILL, session 3 s", ("takeover", "killed_ms"), MS, most=4000),
    Figure("memory a held lock", ("memory", "bytes_per_held_lock"), "bytes", most=1024),
    Figure("hostile input, worst piece", ("hostile", "max_cpu_ms"), "ms CPU"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table, in words."""

    name: str
    value: str
    spread: str
    reach: str
    reached: bool | None
    cpu: str


def lines(results: Results) -> list[Line]:
    """Return the rows of what was measured."""
    return [line for figure in FIGURES if (line := _line(figure, results)) is not None]


def markdown(results: Results) -> str:
    """Return the table as markdown."""
    head = "| figure | measured | rounds | reach | |\n|---|---|---|---|---|\n"
    mark: dict[bool | None, str] = {True: "reached", False: "**missed**", None: ""}
    rows = (
        f"| {x.name} | {x.value} | {x.spread} | {x.reach} | {mark[x.reached]} |\n" for x in lines(results)
    )
    return head + "".join(rows)


def number(value: float) -> str:
    """Return `value` with as many digits as mean something."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}"


def _line(figure: Figure, results: Results) -> Line | None:
    *parents, leaf = figure.path
    place: Any = results
    for key in parents:
        place = place.get(key, {})
    value = place.get(leaf)
    if value is None:
        return None
    spread = place.get(f"{leaf}_spread")
    return Line(
        figure.name,
        f"{number(value)} {figure.unit}".rstrip(),
        "" if spread is None else f"{number(spread[0])} .. {number(spread[1])}",
        figure.reach,
        figure.reached(value),
        _cpu(place.get("cpu")),
    )


def _cpu(cpu: Mapping[str, float] | None) -> str:
    if cpu is None:
        return ""
    split = "/".join(f"{cpu[f'{name}_us_per_command']:.0f}" for name in ("worker", "broker", "client"))
    return f"{split}, {100 * cpu['others_share']:.0f} %"

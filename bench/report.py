"""The results as a table: what was to be reached, what was, and how far the rounds lie apart. Pure."""

from collections.abc import Iterable, Mapping
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
    round_at: str | None = None
    """Where the round that it is of stands in the results, if not around it: that tells who used the processors."""

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


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table, in words."""

    name: str
    value: str
    spread: str
    reach: str
    reached: bool | None
    cpu: str


def lines(figures: Iterable[Figure], results: Results) -> list[Line]:
    """Return the rows of what was measured."""
    return [line for figure in figures if (line := _line(figure, results)) is not None]


def markdown(figures: Iterable[Figure], results: Results) -> str:
    """Return the table as markdown."""
    head = "| figure | measured | rounds | reach | |\n|---|---|---|---|---|\n"
    mark: dict[bool | None, str] = {True: "reached", False: "**missed**", None: ""}
    rows = (
        f"| {x.name} | {x.value} | {x.spread} | {x.reach} | {mark[x.reached]} |\n"
        for x in lines(figures, results)
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
    told = place if figure.round_at is None else results.get(figure.round_at, {})
    return Line(
        figure.name,
        f"{number(value)} {figure.unit}".rstrip(),
        "" if spread is None else f"{number(spread[0])} .. {number(spread[1])}",
        figure.reach,
        figure.reached(value),
        _cpu(told.get("cpu")),
    )


def _cpu(cpu: Mapping[str, float] | None) -> str:
    if cpu is None:
        return ""
    split = "/".join(f"{cpu[f'{name}_us_per_command']:.0f}" for name in ("worker", "broker", "client"))
    return f"{split}, {100 * cpu['others_share']:.0f} %"

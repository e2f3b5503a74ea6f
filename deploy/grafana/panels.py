"""Three sorts of panels: lines over time, numbers of now, a list. By Grafana's own SDK: the type checker knows options.

`about` is what hovering over the title shows: what is seen, what a bad value means, what to do then.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.models import common, units
from grafana_foundation_sdk.models.dashboard import (
    DashboardFieldConfigSourceOverrides,
    DataSourceRef,
    DynamicConfigValue,
    FieldColorModeId,
    MatcherConfig,
    Panel,
    Threshold,
    ThresholdsMode,
)

SOURCE: Final = DataSourceRef(type_val="influxdb", uid="influx")
"""The data source of `provisioning/datasources`."""
MOST_POINTS: Final = 1_000
"""Grafana cuts lines of more than one and a half times as many: see `flux.LADDER`."""
GREEN, YELLOW, RED = "green", "yellow", "red"


class Flux(Builder[UnknownDataquery]):
    """A query in Flux: the SDK knows those of other data sources only."""

    def __init__(self, query: str) -> None:
        self._query = query

    def build(self) -> UnknownDataquery:
        """Return the query as Grafana keeps it."""
        return UnknownDataquery({"datasource": SOURCE, "query": self._query, "refId": "A"})


def limits(*, warn: float | None = None, bad: float | None = None) -> dashboard.ThresholdsConfig:
    """Return thresholds: green, from `warn` on yellow, from `bad` on red. With `bad` below `warn`, low is bad."""
    if warn is not None and bad is not None and bad < warn:
        steps: list[tuple[str, float | None]] = [(RED, None), (YELLOW, bad), (GREEN, warn)]
    else:
        above = [(color, at) for color, at in ((YELLOW, warn), (RED, bad)) if at is not None]
        steps = [(GREEN, None), *above]
    return (
        dashboard.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=at, color=color) for color, at in steps])
    )


class Override(Builder[DashboardFieldConfigSourceOverrides]):
    """How columns of a name are shown."""

    def __init__(self, name: str, **how: object) -> None:
        self._name, self._how = name, how

    def build(self) -> DashboardFieldConfigSourceOverrides:
        """Return it as Grafana keeps it."""
        values = [DynamicConfigValue(id_val=key, value=value) for key, value in self._how.items()]
        return DashboardFieldConfigSourceOverrides(MatcherConfig("byName", self._name), values)


def lines(
    title: str,
    about: str,
    flux: str,
    unit: str = units.Short,
    *,
    stacked: bool = False,
    thresholds: dashboard.ThresholdsConfig | None = None,
    width: int = 12,
) -> Builder[Panel]:
    """Return lines over time, a column of the query each."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(Flux(flux))
        .max_data_points(MOST_POINTS)
        .unit(unit)
        .min(0)
        .span(width)
        .height(8)
        .line_width(1)
        .fill_opacity(30 if stacked else 8)
        .show_points(common.VisibilityMode.AUTO)
        .legend(
            options.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.TABLE)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs(["lastNotNull", "max"])
        )
        .tooltip(
            options.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.DESCENDING)
        )
    )
    if stacked:
        panel = panel.stacking(options.StackingConfig().mode(common.StackingMode.NORMAL).group("A"))
    if thresholds is not None:
        dashed = options.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel = panel.thresholds(thresholds).thresholds_style(dashed)
    return panel


def number(
    title: str,
    about: str,
    flux: str,
    unit: str = units.Short,
    *,
    thresholds: dashboard.ThresholdsConfig | None = None,
    width: int = 4,
) -> Builder[Panel]:
    """Return the number that a query of one row and one column gives, in the colour of its threshold."""
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(Flux(flux))
        .unit(unit)
        .no_value("none yet")
        .span(width)
        .height(4)
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(options.ReduceDataOptions().calcs(["lastNotNull"]).fields("/^(?!_time$).*$/"))
        .color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        .thresholds(thresholds or limits())
    )


def listing(
    title: str,
    about: str,
    flux: str,
    unit_of: Mapping[str, str],
    *,
    links: Sequence[Override] = (),
    width: int = 24,
) -> Builder[Panel]:
    """Return a table as the query gives it."""
    shown = [Override(name, unit=unit) for name, unit in unit_of.items()]
    return (
        table.Panel()
        .title(title)
        .description(about)
        .datasource(SOURCE)
        .with_target(Flux(flux))
        .unit(units.Short)
        .span(width)
        .height(9)
        .align(common.FieldTextAlignment.AUTO)
        .inspect(inspect=False)
        .overrides([*shown, *links])
    )

"""What all dashboards share: variables, links, time range; and rows of panels."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from deploy.grafana.flux import STANDING
from deploy.grafana.panels import SOURCE

TAG: Final = "tidelock"
ANY: Final = ".*"
MOST_VALUES: Final = 1_000
"""So many values of a tag are offered: as many as names of a tenant have series (docs/metrics.md)."""
EVERYTHING: Final = VariableOption(text="All", value="$__all", selected=True)


def bucket() -> Builder[VariableModel]:
    """Return the variable of buckets: one, or one a tenant. Those of minutes and hours follow from it."""
    return (
        dashboard.QueryVariable("bucket")
        .label("Bucket")
        .description("Where points are. With a bucket a tenant: the tenant's.")
        .datasource(SOURCE)
        .query(
            'buckets() |> filter(fn: (r) => r.name !~ /^_|_1m$|_1h$/) |> keep(columns: ["name"])'
            ' |> rename(columns: {name: "_value"}) |> limit(n: 1000)'
        )
        .current(VariableOption(text="tidelock", value="tidelock", selected=True))
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def tag(name: str, label: str, measurement: str, *within: str) -> Builder[VariableModel]:
    """Return the variable of a tag's values, among the points that the variables `within` leave."""
    left = "".join(f" and r.{each} =~ /^${{{each}:regex}}$/" for each in within)
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(
            'import "influxdata/influxdb/schema"\n'
            f'schema.tagValues(bucket: "${{bucket}}", tag: "{name}", start: -{STANDING},'
            f" predicate: (r) => r._measurement =~ /^{measurement}$/{left}) |> limit(n: {MOST_VALUES})"
        )
        .current(EVERYTHING)
        .include_all(include_all=True)
        .all_value(ANY)
        .multi(multi=True)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )


def choice(name: str, label: str, values: Sequence[str]) -> Builder[VariableModel]:
    """Return a variable whose values never change."""
    return (
        dashboard.CustomVariable(name)
        .label(label)
        .values(",".join(values))
        .options([EVERYTHING, *(VariableOption(text=each, value=each, selected=False) for each in values)])
        .current(EVERYTHING)
        .include_all(include_all=True)
        .all_value(ANY)
        .multi(multi=True)
    )


def board(
    name: str,
    about: str,
    variables: Sequence[Builder[VariableModel]],
    rows: Sequence[tuple[str, Sequence[Builder[Panel]]]],
) -> Dashboard:
    """Return a dashboard; its uid is `tidelock-NAME`."""
    made = (
        dashboard.Dashboard(f"Tidelock: {name}")
        .uid(f"tidelock-{name}")
        .description(about)
        .tags([TAG])
        .time("now-6h", "now")
        .timezone("browser")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(
            dashboard.DashboardLink("Dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
        .variables([bucket(), *variables])
    )
    for title, panels in rows:
        made = made.with_row(dashboard.Row(title))
        for panel in panels:
            made = made.with_panel(panel)
    return _numbered(made.build())


def _numbered(made: Dashboard) -> Dashboard:
    for number, panel in enumerate(made.panels or (), 1):
        panel.id_val = number
    return made

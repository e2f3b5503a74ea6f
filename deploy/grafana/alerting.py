"""Alert rules: a query, and the limit above which the last value of any series fires; as Grafana provisions them.

A query gives one row a series: its names (tenant, queue, ...), `_time`, `_value`. It reads points of ten seconds of the
data source's own bucket.

Where a query fails, or has no series, Grafana judges nothing: there are neither names nor values then, and a text that
formats one is shown as it is written here. So each summary says something else then (`Rule.unknown`).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import yaml
from grafana_foundation_sdk.builders.expr import TypeReduce, TypeThreshold
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.alerting import Query, RelativeTimeRange
from grafana_foundation_sdk.models.dashboard import Dashboard, DataSourceRef, Panel

from deploy.grafana.flux import either
from deploy.grafana.panels import SOURCE, Flux
from streams.domain.value import value

FOLDER: Final = "Tidelock"
EVERY: Final = "1m"
MOST_SERIES: Final = 1_000
"""The data source fails a query that has more (its `maxSeries`): a rule looks at those with the largest values."""
_EXPRESSION: Final = DataSourceRef(type_val="__expr__", uid="__expr__")


@value
class Rule:
    """One alert rule."""

    uid: str
    title: str
    flux: str
    above: float
    """Fires while a series' value is above it."""
    waits: str
    """How long it has to be above before anybody is told."""
    severity: Literal["page", "ticket"]
    summary: str
    """What is wrong, with the series' names: `{{ .Labels.tenant }}`."""
    cure: str
    board: str
    """The dashboard that shows it, and which of its panels: what is told links to both."""
    panel: str
    unknown: str = (
        "InfluxDB does not answer what this rule asks: see whether it runs, and the log of Grafana."
    )
    """What is told instead of the summary if there is no value."""
    looks_back_s: int = 300
    if_silent: Literal["OK", "Alerting", "NoData"] = "OK"
    """What it means that the query has no series at all."""


def lately(measurement: str, fields: Sequence[str]) -> str:
    """Return the pipe's beginning: the points that the rule looks back on."""
    return (
        "from(bucket: v.defaultBucket)\n    |> range(start: v.timeRangeStart, stop: v.timeRangeStop)\n"
        f'    |> filter(fn: (r) => r._measurement == "{measurement}" and {either("_field", fields)})'
    )


def each(by: Sequence[str], how: str, per: str = "") -> str:
    """Return the pipe's end: one value for each combination of some tags, the largest; divided by something (`per`)."""
    columns = ", ".join(f'"{name}"' for name in by)
    return f"""
    |> group(columns: [{columns}])
    |> {how}()
    |> map(fn: (r) => ({{r with _time: v.timeRangeStop, _value: float(v: r._value){per}}}))
    |> keep(columns: ["_time", "_value", {columns}])
    |> group()
    |> top(n: {MOST_SERIES})
    |> group(columns: [{columns}])
"""


def ratio(measurement: str, part: str, whole: str, by: str) -> str:
    """Return what share of `whole` the counter `part` is, for each value of a tag; of nothing none is.

    `part` may count what `whole` does not, such as requests that failed before they ran: the share is 1 at most.
    """
    return f"""{lately(measurement, (part, whole))}
    |> group(columns: ["_field", "{by}"])
    |> sum()
    |> map(fn: (r) => ({{r with _time: v.timeRangeStop, _value: float(v: r._value)}}))
    |> pivot(rowKey: ["_time", "{by}"], columnKey: ["_field"], valueColumn: "_value")
    |> map(fn: (r) => ({{
        _time: r._time,
        {by}: r.{by},
        _value: if r.{whole} > r.{part} then r.{part} / r.{whole} else if r.{part} > 0.0 then 1.0 else 0.0
    }}))
    |> group(columns: ["{by}"])
"""


def provisioned(rules: Sequence[Rule], boards: Mapping[str, Dashboard]) -> str:
    """Return the file that Grafana reads; `boards` are those that rules name."""
    group = {
        "orgId": 1,
        "name": "tidelock",
        "folder": FOLDER,
        "interval": EVERY,
        "rules": [_rule(rule, _panel(boards[rule.board], rule.panel)) for rule in rules],
    }
    plain = json.loads(json.dumps({"apiVersion": 1, "groups": [group]}, cls=JSONEncoder))
    return "# Written by `python -m deploy.grafana` from deploy/grafana/rules.py.\n" + _text(plain)


def _panel(board: Dashboard, title: str) -> int:
    [found] = [
        panel.id_val
        for panel in board.panels or ()
        if isinstance(panel, Panel) and panel.title == title and panel.id_val is not None
    ]
    return found


def _rule(rule: Rule, panel: int) -> dict[str, object]:
    board = f"tidelock-{rule.board}"
    return {
        "uid": rule.uid,
        "title": rule.title,
        "condition": "C",
        "for": rule.waits,
        "noDataState": rule.if_silent,
        "execErrState": "Error",
        "dashboardUid": board,
        "panelId": panel,
        "labels": {"severity": rule.severity},
        "annotations": {
            "summary": f"{{{{ if .Values.B }}}}{rule.summary}{{{{ else }}}}{rule.unknown}{{{{ end }}}}",
            "cure": rule.cure,
            "__dashboardUid__": board,
            "__panelId__": str(panel),
        },
        "data": [
            _query("A", SOURCE, Flux(rule.flux).build(), rule.looks_back_s),
            _query("B", _EXPRESSION, TypeReduce().expression("A").reducer("last").ref_id("B").build()),
            _query("C", _EXPRESSION, _threshold(rule.above)),
        ],
    }


def _threshold(above: float) -> Any:
    made = TypeThreshold().expression("B").ref_id("C").build()
    document = json.loads(json.dumps(made, cls=JSONEncoder))
    return document | {"conditions": [{"evaluator": {"type": "gt", "params": [above]}}]}


def _query(ref: str, source: DataSourceRef, model: Any, looks_back_s: int = 0) -> Query:
    back = RelativeTimeRange(from_val=looks_back_s, to=0)
    return Query(datasource_uid=source.uid, ref_id=ref, model=model, relative_time_range=back)


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _literally(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _literally)


def _text(document: object) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)

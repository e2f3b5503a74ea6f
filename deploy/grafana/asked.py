"""What Grafana asks InfluxDB for a panel, a variable or an alert rule: its query with variables and macros replaced.

For tests and benchmarks. It follows Grafana's `templateSrv` (format `regex`) and the macros of its Flux data source.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from streams.domain.value import value

HERE: Final = Path(__file__).parent
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}")
_MACRO: Final = re.compile(r"[a-zA-Z]+\.([a-zA-Z]+)")
_SPECIAL: Final = re.compile(r"[\\^$*+?.()|\[\]{}/]")
EVERYTHING: Final = ".*"


@value
class Asked:
    """One query, and where it stands."""

    board: str
    title: str
    query: str

    def __str__(self) -> str:
        return f"{self.board}: {self.title}"


def boards() -> dict[str, dict[str, Any]]:
    """Return the dashboards as Grafana reads them, by the file's name."""
    return {
        path.stem: json.loads(path.read_text("utf-8"))
        for path in sorted((HERE / "dashboards").glob("*.json"))
    }


def of_panels() -> Iterator[Asked]:
    """Return the queries of all panels."""
    for name, board in boards().items():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield Asked(name, panel["title"], target["query"])


def of_variables() -> Iterator[Asked]:
    """Return the queries of all variables."""
    for name, board in boards().items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                yield Asked(name, f"${variable['name']}", variable["query"])


def rules() -> list[dict[str, Any]]:
    """Return the alert rules as Grafana reads them."""
    text = (HERE / "provisioning" / "alerting" / "rules.yaml").read_text("utf-8")
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def replaced(query: str, bucket: str, chosen: Mapping[str, Sequence[str]]) -> str:
    """Return a query with the dashboard's variables replaced; those not chosen are All."""

    def one(match: re.Match[str]) -> str:
        name, how = match.groups()
        if name == "bucket":
            return bucket
        if name not in chosen:
            return EVERYTHING
        assert how == "regex", f"{match[0]}: a variable of several values needs a format"
        values = [_SPECIAL.sub(r"\\\g<0>", each) for each in chosen[name]]
        return values[0] if len(values) == 1 else f"({'|'.join(values)})"

    return _VARIABLE.sub(one, query)


def expanded(query: str, bucket: str, start: datetime, stop: datetime) -> str:
    """Return a query with the data source's macros replaced."""
    told = {"timeRangeStart": _time(start), "timeRangeStop": _time(stop), "defaultBucket": f'"{bucket}"'}
    for match in list(_MACRO.finditer(query)):
        if match[1] in told:
            query = query.replace(match[0], told[match[1]])
    return query


def asked(
    query: str, bucket: str, past: timedelta, now: datetime, chosen: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return what Grafana asks when somebody looks, `now`, at the time from `past` ago on."""
    return expanded(replaced(query, bucket, chosen or {}), bucket, now - past, now)


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")

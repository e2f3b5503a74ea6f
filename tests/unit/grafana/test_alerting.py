"""Alert rules, contact points and policies: complete, of what is written, and told to somebody."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.alerting import MOST_SERIES
from deploy.grafana.asked import HERE, boards, rules
from tests.unit.grafana.written import measurements, read_by, unknown

ROOT = Path(__file__).parents[3]
RULES = rules()
ALERTING = HERE / "provisioning" / "alerting"
EXPECTED = {
    "tidelock-node-failure", "tidelock-decide-latency", "tidelock-lock-wait", "tidelock-slow-queries",
    "tidelock-error-rate", "tidelock-queue-backlog", "tidelock-queue-age", "tidelock-evictions",
    "tidelock-disk", "tidelock-projection-stalled", "tidelock-projection-halted",
    "tidelock-projection-unhealthy", "tidelock-dead-letters", "tidelock-messages-died",
}  # fmt: skip


def grafana() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]
    return service


def contacts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ALERTING / "contacts.yaml").read_text())["contactPoints"]
    return found


def environment_of(path: Path) -> set[str]:
    """Return the variables that Grafana puts into a file, except into queries and annotations, where it does not."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    return set(re.findall(r"\$(\w+)", "\n".join(lines)))


def test_the_rules_are_those_that_there_are_to_be() -> None:
    assert [rule["uid"] for rule in RULES] == [*dict.fromkeys(rule["uid"] for rule in RULES)]
    assert {rule["uid"] for rule in RULES} == EXPECTED


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_asks_for_what_the_product_writes(rule: dict[str, Any]) -> None:
    assert unknown(rule["data"][0]["model"]["query"]) == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_reduces_its_query_and_judges_what_comes_of_it(rule: dict[str, Any]) -> None:
    query, reduced, judged = rule["data"]
    assert (query["datasourceUid"], query["relativeTimeRange"]["to"]) == ("influx", 0)
    assert query["relativeTimeRange"]["from"] >= 300
    assert (reduced["model"]["expression"], reduced["model"]["reducer"]) == (query["refId"], "last")
    assert judged["model"]["expression"] == reduced["refId"]
    assert rule["condition"] == judged["refId"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_says_what_is_wrong_with_what_and_what_to_do(rule: dict[str, Any]) -> None:
    told = rule["annotations"]
    named = set(re.findall(r"\.Labels\.(\w+)", told["summary"]))
    tags = {tag for tags, _ in measurements().values() for tag in tags}
    query = rule["data"][0]["model"]["query"]
    grouped = re.findall(r"group\(columns: \[([^\]]*)\]\)", query)[-1]
    assert named
    assert named == set(re.findall(r'"(\w+)"', grouped)) <= tags
    assert len(told["cure"]) > 20
    assert rule["labels"]["severity"] in {"page", "ticket"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_links_to_a_panel_that_shows_what_it_judges(rule: dict[str, Any]) -> None:
    """Grafana makes links of these two annotations only, and refuses a rule with one of them."""
    told = rule["annotations"]
    assert (told["__dashboardUid__"], told["__panelId__"]) == (rule["dashboardUid"], str(rule["panelId"]))
    (board,) = [each for each in boards().values() if each["uid"] == rule["dashboardUid"]]
    (panel,) = [each for each in board["panels"] if each["id"] == rule["panelId"]]
    named, fields, _ = read_by(panel["targets"][0]["query"])
    judged, of, _ = read_by(rule["data"][0]["model"]["query"])
    assert judged <= named
    assert of & fields


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_without_a_value_formats_none(rule: dict[str, Any]) -> None:
    """Where a query fails or finds nothing, Grafana has no value and shows a template that formats one as it is."""
    told = rule["annotations"]
    valued = re.fullmatch(r"{{ if \.Values\.B }}(.+){{ else }}([^{}]+){{ end }}", told["summary"])
    assert valued
    assert ".Values.B.Value" in valued[1]
    assert "InfluxDB" in valued[2]
    assert not re.search(r"humanize \.Values\.B\.Value }} m?s\b", valued[1]), (
        "`1.33M ms` is a time nobody reads"
    )
    assert not re.search(r"[{}]", told["cure"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["uid"])
def test_a_rule_about_names_of_tenants_has_no_more_series_than_the_data_source_takes(
    rule: dict[str, Any],
) -> None:
    (source,) = yaml.safe_load((HERE / "provisioning" / "datasources" / "influx.yaml").read_text())[
        "datasources"
    ]
    query = rule["data"][0]["model"]["query"]
    assert source["jsonData"]["maxSeries"] == MOST_SERIES
    assert ".Labels.tenant" not in rule["annotations"]["summary"] or f"|> top(n: {MOST_SERIES})" in query


def test_nothing_of_a_rule_is_taken_for_a_variable_of_the_environment() -> None:
    assert environment_of(ALERTING / "rules.yaml") == set()


def test_contact_points_are_e_mail_slack_webhook_and_all_of_them() -> None:
    kinds = {each["name"]: [one["type"] for one in each["receivers"]] for each in contacts()}
    assert kinds == {
        "e-mail": ["email"], "slack": ["slack"], "webhook": ["webhook"],
        "everybody": ["email", "slack", "webhook"],
    }  # fmt: skip
    uids = [one["uid"] for each in contacts() for one in each["receivers"]]
    assert len(uids) == len(set(uids))


def test_whom_to_tell_is_a_setting_with_a_default_that_is_there() -> None:
    given = grafana()["environment"]
    wanted = environment_of(ALERTING / "contacts.yaml") | environment_of(ALERTING / "policies.yaml")
    assert wanted == {"ALERTS_TO", "ALERTS_EMAIL", "ALERTS_SLACK_URL", "ALERTS_WEBHOOK_URL"}
    for name in wanted:
        match = re.fullmatch(rf"\$\{{{name}:-(.+)\}}", given[name])
        assert match, f"Grafana does not start where {name} is empty"
        assert name != "ALERTS_TO" or match[1] in {each["name"] for each in contacts()}


def test_pages_are_told_sooner_and_more_often_than_tickets() -> None:
    (policy,) = yaml.safe_load((ALERTING / "policies.yaml").read_text())["policies"]
    (route,) = policy["routes"]
    assert {route["receiver"], policy["receiver"]} == {"$ALERTS_TO"}
    assert route["object_matchers"] == [["severity", "=", "page"]]
    assert (route["repeat_interval"], policy["repeat_interval"]) == ("1h", "1d")


def test_compose_gives_grafana_the_files_and_what_they_name() -> None:
    service = grafana()
    assert re.fullmatch(r"grafana/grafana:\d+\.\d+\.\d+", service["image"])
    mounted = dict(volume.split(":")[:2] for volume in service["volumes"])
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert mounted["./deploy/grafana/dashboards"] == "/var/lib/grafana/dashboards"
    looked_for = {"alerting", "dashboards", "datasources", "plugins"}
    assert {each.name for each in (HERE / "provisioning").iterdir()} == looked_for, "or it logs an error"
    source = HERE / "provisioning" / "datasources" / "influx.yaml"
    (provider,) = yaml.safe_load((HERE / "provisioning" / "dashboards" / "tidelock.yaml").read_text())[
        "providers"
    ]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
    assert environment_of(source) <= service["environment"].keys()


def test_links_in_alerts_begin_with_what_people_call_grafana() -> None:
    assert re.fullmatch(r"\$\{GRAFANA_URL:-http://.+/\}", grafana()["environment"]["GF_SERVER_ROOT_URL"])

"""Dashboards: as their source makes them, in Grafana's schema, of what the product writes, and each panel explained."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.__main__ import stale
from deploy.grafana.asked import HERE, Asked, boards, of_panels, of_variables, rules
from tests.unit.grafana.written import measurements, read_by, unknown

BOARDS = boards()
PANELS = list(of_panels())
USED = re.compile(r"\$\{(\w+)(?::\w+)?\}")
register_default_plugins()


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_the_files_are_as_their_source_makes_them() -> None:
    assert stale() == []


def test_there_is_a_dashboard_for_each_kind_one_for_all_and_one_for_the_platform() -> None:
    assert set(BOARDS) == {"overview", "locks", "queues", "caches", "nodes", "platform"}


@pytest.mark.parametrize("name", BOARDS)
def test_grafanas_schema_knows_every_option(name: str) -> None:
    """What the schema does not know is lost on the way through it."""
    through = json.loads(json.dumps(Dashboard.from_json(BOARDS[name]), cls=JSONEncoder))
    assert through == BOARDS[name]


def test_an_option_that_the_schema_does_not_know_is_noticed() -> None:
    wrong = json.loads(json.dumps(BOARDS["locks"]))
    panels(wrong)[-2]["options"]["legendd"] = {}
    assert json.loads(json.dumps(Dashboard.from_json(wrong), cls=JSONEncoder)) != wrong


def test_uids_and_titles_are_unique_and_uids_short_enough() -> None:
    for key in ("uid", "title"):
        assert max(Counter(board[key] for board in BOARDS.values()).values()) == 1
    assert all(len(board["uid"]) <= 40 for board in BOARDS.values())


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_ids_titles_and_places_of_their_own(name: str) -> None:
    board = BOARDS[name]
    for key in ("id", "title"):
        told = [panel[key] for panel in (board["panels"] if key == "id" else panels(board))]
        assert sorted(told) == sorted(set(told))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_says_what_it_shows_and_in_which_unit(name: str) -> None:
    for panel in panels(BOARDS[name]):
        assert len(panel["description"]) >= 10, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert len(panel["targets"]) == 1


@pytest.mark.parametrize("name", BOARDS)
def test_numbers_have_a_threshold_and_what_is_bad_a_cure(name: str) -> None:
    for panel in panels(BOARDS[name]):
        steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
        if panel["type"] == "stat":
            assert steps, panel["title"]
        if len(steps) > 1:
            assert re.search(r"[:;,.] ", panel["description"]), panel["title"]


@pytest.mark.parametrize("name", BOARDS)
def test_everything_asks_the_data_source_that_is_provisioned(name: str) -> None:
    text = (HERE / "provisioning" / "datasources" / "influx.yaml").read_text("utf-8")
    (source,) = yaml.safe_load(text)["datasources"]
    assert source["jsonData"]["version"] == "Flux"
    board = BOARDS[name]
    asking = [*panels(board), *(target for panel in panels(board) for target in panel["targets"])]
    asking += [each for each in board["templating"]["list"] if each["type"] == "query"]
    assert {(each["datasource"]["type"], each["datasource"]["uid"]) for each in asking} == {
        (source["type"], source["uid"])
    }


@pytest.mark.parametrize("name", BOARDS)
def test_variables_that_queries_use_are_there_and_come_after_those_that_they_use(name: str) -> None:
    variables = [each["name"] for each in BOARDS[name]["templating"]["list"]]
    for one in (*PANELS, *of_variables()):
        if one.board == name:
            before = variables[: variables.index(one.title[1:])] if one.title.startswith("$") else variables
            assert set(USED.findall(one.query)) <= set(before), one.title


@pytest.mark.parametrize("name", BOARDS)
def test_variables_offer_a_bounded_set(name: str) -> None:
    for each in BOARDS[name]["templating"]["list"]:
        assert each["type"] == "custom" or re.search(r"limit\(n: 1000\)$", each["query"])


@pytest.mark.parametrize("one", PANELS, ids=str)
def test_a_panel_asks_for_what_the_product_writes(one: Asked) -> None:
    assert unknown(one.query) == set()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("lock_point", "lock_point"),
        ("lock_points.grant", "lock_points.grant"),
        ("lock_points.queue", "lock_points.queue"),
    ],
)
def test_a_query_of_what_nobody_writes_is_noticed(wrong: str, told: str) -> None:
    good = 'r._measurement == "lock_points" and (r._field == "grants") r.tenant =~ /^x$/'
    assert unknown(good) == set()
    name, _, detail = wrong.partition(".")
    bad = good.replace("lock_points", name)
    bad = bad.replace("grants", detail) if detail == "grant" else bad
    bad = bad.replace("tenant", detail) if detail == "queue" else bad
    assert unknown(bad) == {told}


def test_every_measurement_and_every_field_is_shown() -> None:
    shown: dict[str, set[str]] = {name: set() for name in measurements()}
    for one in PANELS:
        named, fields, _ = read_by(one.query)
        for name in named:
            shown[name] |= fields
    assert {
        name: missing for name, (_, fields) in measurements().items() if (missing := fields - shown[name])
    } == {}


def test_every_alert_is_of_what_a_panel_shows() -> None:
    shown = {name for one in PANELS for name in read_by(one.query)[0]}
    assert {name for rule in rules() for name in read_by(rule["data"][0]["model"]["query"])[0]} <= shown

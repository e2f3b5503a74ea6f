"""`tidelock service ...` at a worker, and the changes that a watch tells."""

import json
from dataclasses import replace
from typing import Any

import pytest

from streams.domain.nodes.commands import Label, RegisterInstance
from streams.domain.nodes.events import InstancesLeft
from tests.unit.cli.conftest import Cli
from tests.unit.cli.nodes.conftest import StandingNodes
from tidelock.cli import exits
from tidelock.cli.service_watch import changes
from tidelock.client.nodes.instance import Instance


def offer(standing: StandingNodes, session: str, instance: str, **other: Any) -> None:
    terms: dict[str, Any] = {"zone": "z1", "healthy": True, "draining": False} | other
    label = Label("v", "[/b]2")
    standing.do(
        RegisterInstance("api", instance, "h:1", weight=7, metadata=(label,), rise=1, fall=1, **terms),
        session,
    )


def test_instances_are_shown_with_health_and_node(cli: Cli, standing: StandingNodes) -> None:
    session = standing.register("n1")
    offer(standing, session, "b", healthy=False)
    offer(standing, session, "a")
    told = [json.loads(line) for line in cli("service", "instances", "api", "--json").out.splitlines()]
    assert [(each["instance"], each["healthy"], each["node"]) for each in told] == [
        ("a", True, "n1"), ("b", False, "n1"),
    ]  # fmt: skip
    shown = cli("service", "instances", "api").out
    assert all(word in shown for word in ("unhealthy", "h:1", "v=[/b]2"))


def test_a_service_in_numbers_zone_by_zone(cli: Cli, standing: StandingNodes) -> None:
    session = standing.register("n1")
    offer(standing, session, "a")
    offer(standing, session, "b", zone="z2", healthy=False)
    ran = cli("service", "show", "api", "--json")
    assert (ran.code, json.loads(ran.out)) == (
        exits.OK,
        {
            "service": "api", "instances": 2, "healthy": 1, "draining": 0, "weight": 7,
            "zones": {
                "z1": {"instances": 1, "healthy": 1, "draining": 0, "weight": 7},
                "z2": {"instances": 1, "healthy": 0, "draining": 0, "weight": 0},
            },
        },
    )  # fmt: skip
    assert "1 of 2 instances are healthy" in cli("service", "show", "api").out


@pytest.mark.parametrize("command", ["show", "instances"])
def test_a_service_that_nobody_offers_is_a_no(cli: Cli, standing: StandingNodes, command: str) -> None:
    assert cli("service", command, "nothing").code == exits.NO


def test_an_instance_is_evicted_with_who_and_why(cli: Cli, standing: StandingNodes) -> None:
    offer(standing, standing.register("n1"), "a")
    ran = cli("service", "evict", "api", "a", "--why", "nonsense", "--yes", "--json")
    assert (ran.code, json.loads(ran.out)["evicted"]) == (exits.OK, True)
    (left,) = standing.worker.happened(InstancesLeft)
    assert (left.cause, left.why, left.instances, left.by) == (
        "EVICTED", "nonsense", ("a",), standing.worker.principal,
    )  # fmt: skip
    assert cli("service", "instances", "api").code == exits.NO
    assert cli("service", "evict", "api", "a", "--yes").code == exits.NO


@pytest.mark.parametrize("other", [{"healthy": False}, {"draining": True}], ids=str)
def test_one_that_only_the_ill_or_drained_offer_cannot_be_called(
    cli: Cli, standing: StandingNodes, other: dict[str, bool]
) -> None:
    offer(standing, standing.register("n1"), "a", **other)
    assert cli("service", "show", "api").code == exits.NO
    assert cli("service", "instances", "api").code == exits.OK


def test_a_watch_tells_who_came_who_left_and_who_is_otherwise() -> None:
    one = Instance("api", "a", "h:1", "z1", 7, True, "", {}, "n1:1", draining=False, version=5)
    ill = replace(one, healthy=False, reason="timeout", draining=True, version=6)
    assert changes({}, {"a": one}) == ["a came: healthy, weight 7, at h:1, of node n1"]
    assert changes({"a": one}, {"a": ill}) == [
        "a is unhealthy (timeout), draining, weight 7, at h:1, of node n1"
    ]
    assert changes({"a": one}, {"a": one}) == []
    assert changes({"a": one}, {}) == ["a left"]

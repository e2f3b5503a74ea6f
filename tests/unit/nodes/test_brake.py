"""The brake on mass failures: alarmed, pulled, released, configured."""

from dataclasses import replace
from typing import Any

import pytest

from streams.domain.nodes import commands as c
from streams.domain.nodes import events as e
from streams.domain.nodes.replies import BrakeState
from tests.unit.nodes.spec import SETTINGS, brake

PULL = c.PullBrake(5, 10, 8_000, "5 of 10 nodes silent")
BY_HAND = c.PullBrake(0, 0, 0, "maintenance")
RELEASE = c.ReleaseBrake("switch is back")
OPEN = BrakeState(pulled=False, pulled_at=0, release_at=0, cause="", settings=SETTINGS)
ALARM = e.MassFailureAlarmed(5, 10, 8_000, PULL.cause, 10_100)


def configured(**changed: Any) -> c.ConfigureBrake:
    return c.ConfigureBrake(replace(SETTINGS, **changed))


def test_a_mass_failure_raises_an_alarm_and_pulls_the_brake() -> None:
    pulled = brake().at(100).when(PULL, principal="sweeper").due(None)
    pulled.then(ALARM, e.BrakePulled(100, 0, "sweeper", PULL.cause))
    held = BrakeState(pulled=True, pulled_at=100, release_at=0, cause=PULL.cause, settings=SETTINGS)
    pulled.answers(held).when(PULL).then().answers(held)
    pulled.when(BY_HAND).then().answers(held)
    pulled.when(c.InspectBrake()).then().answers(held)


@pytest.mark.parametrize(("dead", "of"), [(4, 10), (2, 2), (0, 7)])
def test_few_deaths_are_no_mass_failure(dead: int, of: int) -> None:
    brake().when(replace(PULL, dead=dead, of=of)).refuses("BELOW_FRACTION", "50 %", "of=0")


def test_released_by_hand() -> None:
    pulled = brake().when(PULL).at(700)
    pulled.when(RELEASE, principal="op").then(e.BrakeReleased("op", RELEASE.why, 10_700)).answers(OPEN)
    brake().when(RELEASE).then().answers(OPEN)


def test_what_was_released_is_not_pulled_again_for_the_same_deaths() -> None:
    released = brake().when(PULL).at(700).when(RELEASE)
    released.at(10_699).when(PULL).then().answers(OPEN)
    assert released.at(10_700).when(PULL).reply.pulled
    assert released.when(BY_HAND).reply.pulled


def test_pulled_by_hand_there_is_no_alarm() -> None:
    brake().at(9).when(BY_HAND).then(e.BrakePulled(9, 0, "alice", "maintenance"))


def test_released_by_itself() -> None:
    spec = brake().when(configured(auto_release_ms=60_000)).at(100).when(PULL).due(60_100)
    spec.at(60_099).tick().then()
    done = spec.at(60_100).tick().then(e.BrakeReleased("", "auto_release_ms is over", 70_100)).due(None)
    assert not done.when(c.InspectBrake()).reply.pulled


def test_an_unarmed_brake_only_alarms() -> None:
    spec = brake().when(configured(armed=False)).at(100).when(PULL).then(ALARM)
    assert not spec.reply.pulled
    spec.at(10_099).when(PULL).then()
    spec.at(10_100).when(PULL).then(replace(ALARM, quiet_until=20_100))
    assert spec.when(BY_HAND).reply.pulled


def test_settings_change() -> None:
    spec = brake().when(configured(fraction=20))
    spec.then(e.BrakeConfigured(replace(SETTINGS, fraction=20), 0))
    spec.when(configured(fraction=20)).then()
    assert spec.when(replace(PULL, dead=3)).reply.pulled


def test_settings_reach_a_pulled_brake() -> None:
    pulled = brake().at(100).when(PULL)
    pulled.at(200).when(configured(auto_release_ms=1_000)).due(1_100).when(configured()).due(None)


@pytest.mark.parametrize(
    "changed",
    [
        *({"fraction": 0}, {"fraction": 101}, {"min_dead": 0}, {"min_dead": 10_001}),
        *({"window_ms": 999}, {"window_ms": 3_600_001}, {"auto_release_ms": -1}),
        {"auto_release_ms": 86_400_001},
    ],
)
def test_settings_have_bounds(changed: dict[str, int]) -> None:
    brake().when(configured(**changed)).refuses("BAD_ARGUMENT")


@pytest.mark.parametrize(
    "changed", [{"of": -1}, {"dead": 11}, {"dead": -1}, {"window_ms": -1}, {"cause": "x" * 501}]
)
def test_what_is_told_has_bounds(changed: dict[str, Any]) -> None:
    brake().when(replace(PULL, **changed)).refuses("BAD_ARGUMENT")
    brake().when(PULL).when(c.ReleaseBrake("\n")).refuses("BAD_ARGUMENT", "why")

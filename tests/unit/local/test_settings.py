"""Settings: external addresses by environment, and refusals of what makes no sense."""

from __future__ import annotations

import pytest

from tidelock.local.addresses import Addresses, InfluxAddress
from tidelock.local.settings import StackSettings


def test_the_environment_replaces_each_part() -> None:
    env = {
        "TIDELOCK_KAFKA": "k:9092",
        "TIDELOCK_POSTGRES": "postgresql://p/d",
        "TIDELOCK_REDIS": "redis://r",
        "TIDELOCK_INFLUX": "http://i:8086?org=o&bucket=b&token=t",
    }
    settings = StackSettings.from_environment(env=env)
    assert (settings.kafka, settings.postgres, settings.redis) == ("k:9092", "postgresql://p/d", "redis://r")
    assert settings.influx == InfluxAddress("http://i:8086", "o", "b", "t")


def test_an_empty_environment_replaces_nothing() -> None:
    settings = StackSettings.from_environment(env={})
    assert (settings.kafka, settings.postgres, settings.redis, settings.influx) == (None, None, None, None)


def test_influx_parts_may_come_as_variables_of_their_own() -> None:
    found = InfluxAddress.parse("http://i:8086", {"TIDELOCK_INFLUX_TOKEN": "t", "TIDELOCK_INFLUX_ORG": "o"})
    assert found == InfluxAddress("http://i:8086", "o", "tidelock", "t")


def test_an_influx_address_survives_its_own_text() -> None:
    address = InfluxAddress("http://i:8086", "my org", "b&c", "t=/+")
    assert InfluxAddress.parse(str(address), {}) == address


def test_addresses_become_the_variables_of_a_child() -> None:
    env = Addresses("k:1", None, "redis://r", None, ()).as_environment()
    assert env == {"TIDELOCK_KAFKA": "k:1", "TIDELOCK_REDIS": "redis://r"}


@pytest.mark.parametrize("wrong", [{"brokers": 0}, {"workers": -1}, {"parts": frozenset({"zookeeper"})}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"broker|unknown parts"):
        StackSettings(**wrong)  # type: ignore[arg-type]

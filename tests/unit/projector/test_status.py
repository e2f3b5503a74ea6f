"""What people see of a projector: its pages, its metrics, and why it did not start."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from streams.log.checkpoint import START, Checkpoint
from streams.log.positions import PartitionId
from streams.ops.addresses import influx_parts
from streams.ops.starting import EXIT_CONFIGURATION
from streams.projections.ports import SinkUnavailable
from streams.projector import telemetry, worker
from streams.projector.configuration import ProjectorSettings
from streams.projector.ends import Ends
from streams.projector.sinks import EXIT_LOGS
from streams.projector.status import Shown, serve_status
from streams.projector.telemetry import standings
from streams.projector.watch import LaneName
from tests.unit.projector.test_projector import RECORDS, Rig, rig
from tests.unit.projector.toy import until
from tests.unit.replay.logbook import WHERE

__all__ = ["rig"]

NOW_MS = 1_750_000_000_000


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def page(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def shown_of(rig: Rig, end: int) -> Shown:
    async def look_up(_: object) -> dict[PartitionId, int]:
        return {WHERE: end}

    shown = Shown("p")
    shown.projector, shown.ends, shown.waits_for = (
        rig.projector,
        Ends(look_up, rig.projector.tails.keys),
        None,
    )
    shown.ends.known = {WHERE: end}
    return shown


async def test_the_pages_tell_how_far_each_lane_is(rig: Rig) -> None:
    shown = shown_of(rig, len(RECORDS) + 3)
    assert not shown.ready
    await rig.projector.assigned([WHERE])
    await rig.settled(WHERE)
    address = free_address()
    server = serve_status(address, shown)
    try:
        assert page(address, "/ready")[0] == 200
        (lane,) = json.loads(page(address, "/status")[1])["lanes"]
        assert (lane["projection"], lane["offset"], lane["lag"]) == ("toy", len(RECORDS), 3)
        assert (lane["phase"], lane["trouble"], lane["writing_s"]) == ("following", None, 0.0)
        labels = '{kind="locks",partition="0",projection="toy"}'
        metrics = page(address, "/metrics")[1]
        assert f"tidelock_projection_lag_records{labels} 3.0" in metrics
        assert f"tidelock_projection_healthy{labels} 1.0" in metrics
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("written", "end", "lag_ms"),
    [
        (None, 5, 90_000),
        (START, 5, 90_000),
        (START, 0, 0),
        (replace(START, next_offset=3, time_ms=NOW_MS - 4_000), 5, 4_000),
        (replace(START, next_offset=5, time_ms=NOW_MS - 4_000), 5, 0),
    ],
)
def test_a_lane_that_never_wrote_is_as_far_behind_as_it_has_stood_still(
    monkeypatch: pytest.MonkeyPatch, written: Checkpoint | None, end: int, lag_ms: int
) -> None:
    clocks = SimpleNamespace(time_ns=lambda: NOW_MS * 1_000_000, monotonic=lambda: 100.0)
    monkeypatch.setattr(telemetry, "time", clocks)
    lane: Any = SimpleNamespace(written=written, moved_s=10.0)
    projector: Any = SimpleNamespace(lanes={LaneName("toy", WHERE): lane})
    ends: Any = SimpleNamespace(known={WHERE: end})
    (standing,) = standings(projector, ends)
    assert standing.lag_ms == lag_ms


async def test_what_a_lane_waits_for_is_told_and_then_nobody_calls_it_ready(rig: Rig) -> None:
    shown = shown_of(rig, len(RECORDS))
    rig.store.before = [SinkUnavailable("the database is away")] * 10**6
    await rig.projector.assigned([WHERE])
    await until(lambda: shown.status()["lanes"][0]["phase"] == "waiting")
    told: dict[str, Any] = shown.status()["lanes"][0]["trouble"]
    assert told == {"code": "SINK_UNAVAILABLE", "message": "the database is away"}
    assert not shown.ready


async def test_a_taken_port_is_told_and_leaves_nothing_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = ProjectorSettings(
            kafka="127.0.0.1:1", postgres="postgresql://x", projector_metrics=address
        )
        assert await worker.run(settings) == EXIT_CONFIGURATION


async def test_a_kafka_that_is_not_there_is_told() -> None:
    settings = ProjectorSettings(
        kafka=free_address(), postgres="postgresql://x", projector_metrics=free_address()
    )
    assert await worker.run(settings) == EXIT_LOGS


def test_settings_that_are_not_usable_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TIDELOCK_KAFKA", raising=False)
    assert worker.main() == EXIT_CONFIGURATION
    assert "kafka" in capsys.readouterr().err


UNFIT = {
    "postgres": (
        "", "localhost:5432/db", "postgresql:///db", "postgresql://u:pass-word@h:abc/db", "postgresql://h/db?foo=1"
    ),
    "redis": ("localhost:6379", "redis://u:pass-word@localhost:abc", "http://localhost:6379", "redis://"),
    "influx": (
        "localhost:8086", "http://localhost:abc?token=pass-word", "http://[::1", "http://h?token=pass-word%0A", "http://"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "url"), [(name, url) for name, urls in UNFIT.items() for url in urls])
def test_an_address_that_can_never_be_reached_is_told_at_the_start_and_no_password(
    name: str, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("TIDELOCK_POSTGRES", "postgresql://host/db")
    monkeypatch.setenv(f"TIDELOCK_{name.upper()}", url)
    assert worker.main() == EXIT_CONFIGURATION
    told = capsys.readouterr().err
    assert name in told
    assert "pass-word" not in told


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "rediss://:word@host:1/0", "unix:///run/redis.sock", ""]
)
def test_an_address_of_redis_is_any_that_its_client_takes(url: str) -> None:
    settings = ProjectorSettings(kafka="127.0.0.1:1", postgres="postgresql://host/db", redis=url)
    assert settings.redis == (url or None)


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@a:1,b:2/db", "host=/run/postgresql dbname=x", "postgres://host"]
)
def test_an_address_of_postgresql_is_any_that_its_client_takes(url: str) -> None:
    assert ProjectorSettings(kafka="127.0.0.1:1", postgres=url).postgres == url


def test_influxdb_is_named_by_one_url_or_with_gaps_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = influx_parts("http://host:8086?org=o&bucket=b&token=t")
    assert whole == ("http://host:8086", "o", "b", "t")
    monkeypatch.setenv("TIDELOCK_INFLUX_TOKEN", "secret")
    assert influx_parts("http://host:8086") == ("http://host:8086", "tidelock", "tidelock", "secret")

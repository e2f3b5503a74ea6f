"""The composition root says what keeps it from starting."""

import os
import socket
import subprocess
import sys

import pytest

from streams.domain.locks.kind import LOCKS
from streams.log.positions import PartitionId
from streams.ops.starting import EXIT_CONFIGURATION
from streams.processes.configuration import ProcessesSettings
from streams.processes.status import AtWork
from streams.processes.worker import _sweep, main
from tests.unit.client.queues.server import QueueWorker
from tests.unit.client.worker import FakeClock
from tidelock.client.client import connect

USABLE = {"TIDELOCK_KAFKA": "127.0.0.1:1", "TIDELOCK_PROCESSES_METRICS": "127.0.0.1:0"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "kafka"),
        (USABLE | {"TIDELOCK_PROCESSES_METRICS": "nowhere"}, "processes_metrics"),
        (USABLE | {"TIDELOCK_WORKERS": "127.0.0.1:1,nowhere"}, "'nowhere' is no address"),
    ],
    ids=["no Kafka", "no address", "no worker's address"],
)
def test_settings_that_are_not_usable_end_it_with_their_name(
    settings: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in os.environ if name.startswith("TIDELOCK_")]:
        monkeypatch.delenv(name)
    for name, setting in settings.items():
        monkeypatch.setenv(name, setting)
    assert main() == EXIT_CONFIGURATION
    assert named in capsys.readouterr().err


async def test_nothing_is_swept_where_a_kind_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    """A session that is not ended in its partitions, too, is not swept."""
    clock = FakeClock()
    worker = await QueueWorker(clock).start()
    try:
        async with connect(worker.address, token="t", clock=clock) as client:
            assert set(client.kinds) == {"queues", "locks"}
            settings, at_work = ProcessesSettings(kafka="127.0.0.1:1"), AtWork()
            await _sweep(settings, (LOCKS,), client, (PartitionId("nodes", 0),), at_work)
    finally:
        await worker.stop()
    assert not at_work.sweepers
    assert "queues" in capsys.readouterr().out


def test_a_port_that_is_taken_ends_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        settings = os.environ | USABLE | {"TIDELOCK_PROCESSES_METRICS": address}
        command = [sys.executable, "-m", "streams.processes.worker"]
        ended = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == EXIT_CONFIGURATION
    assert address in ended.stderr

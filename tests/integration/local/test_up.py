"""`tidelock up`: the banner, signals, joining, and no orphan after kill -9."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidelock.local import statefile

pytestmark = pytest.mark.integration
PARTS = "postgres,redis"
Start = Callable[[str], Any]
Find = Callable[[Path], list[Any]]
End = Callable[[list[Any]], None]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_cleanly(
    tmp_path: Path, up: Start, processes_under: Find, assert_all_end: End, number: signal.Signals
) -> None:
    running = up(PARTS)
    assert "postgresql://" in running.read_until("ready after")
    processes = processes_under(tmp_path)
    running.process.send_signal(number)
    status, rest = running.finish()
    assert (status, "stopping" in rest) == (0, True)
    assert_all_end(processes)
    assert statefile.running(tmp_path) is None


def test_kill_9_of_the_parent_leaves_no_orphan_and_no_lock(
    tmp_path: Path, up: Start, processes_under: Find, assert_all_end: End
) -> None:
    running = up("kafka,postgres,redis")
    running.read_until("ready after")
    processes = processes_under(tmp_path)
    assert len(processes) > 3
    running.process.kill()
    assert_all_end(processes)
    again = up("kafka,postgres,redis")
    again.read_until("ready after")
    again.process.terminate()
    assert again.finish()[0] == 0


def test_a_second_up_shows_the_first_and_leaves_it_alone(tmp_path: Path, up: Start) -> None:
    running = up("redis")
    running.read_until("ready after")
    address = statefile.running(tmp_path)
    second = up("redis")
    status, text = second.finish()
    assert (status, "runs already" in text) == (0, True)
    assert statefile.running(tmp_path) == address
    running.process.terminate()
    assert running.finish()[0] == 0


def test_a_signal_during_the_start_leaves_nothing(tmp_path: Path, up: Start) -> None:
    running = up("kafka,redis")
    while not (tmp_path / "logs" / "stack.log").exists():
        assert running.process.poll() is None
    running.process.send_signal(signal.SIGINT)
    status, text = running.finish()
    assert (status, "before the stack was ready" in text) == (130, True)
    assert statefile.parts(tmp_path) and all(part.pid is None for part in statefile.parts(tmp_path))


def test_a_broken_part_is_named_with_its_log_and_the_cure(tmp_path: Path, up: Start) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    (tmp_path / "postgres").chmod(0o700)
    running = up(PARTS)
    status, text = running.finish()
    assert status == 1
    assert all(word in text for word in ("PART_FAILED", "postgres", "postgres.log"))

"""One stack a directory, and others can find it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tidelock.local import statefile
from tidelock.local.addresses import Addresses, InfluxAddress
from tidelock.local.errors import StackLocked
from tidelock.local.lock import DirectoryLock, is_held

ADDRESSES = Addresses("k:1", "postgresql://p", None, InfluxAddress("http://i", "o", "b", "t"), ("w:1", "w:2"))
PART = statefile.PartRecord("kafka-0", "ready", 42, 1.5, "k:1", "logs/kafka-0.log")


def test_the_second_taker_is_told_who_holds_it(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.acquire()
    with pytest.raises(StackLocked) as refused:
        DirectoryLock(tmp_path).acquire()
    assert refused.value.pid == os.getpid()
    lock.release()
    DirectoryLock(tmp_path).acquire()


def test_a_lock_file_without_its_process_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("1")
    assert not is_held(tmp_path)
    DirectoryLock(tmp_path).acquire()


def test_a_running_stack_is_found_with_all_it_said(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.acquire()
    statefile.write(tmp_path, os.getpid(), ADDRESSES, [PART])
    assert statefile.running(tmp_path) == ADDRESSES
    assert statefile.parts(tmp_path) == (PART,)
    lock.release()
    assert statefile.running(tmp_path) is None


def test_a_stack_that_is_still_starting_is_not_running(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.acquire()
    statefile.write(tmp_path, os.getpid(), None, [PART])
    assert statefile.running(tmp_path) is None
    lock.release()


def test_an_empty_directory_runs_nothing(tmp_path: Path) -> None:
    assert statefile.running(tmp_path) is None
    assert statefile.parts(tmp_path) == ()


def test_the_state_is_for_the_owner_only(tmp_path: Path) -> None:
    statefile.write(tmp_path, 1, ADDRESSES, [])
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600

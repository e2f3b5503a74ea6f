"""Finding a stack: the one that runs in the directory, else the environment's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tidelock.cli.discovery import find
from tidelock.cli.exits import NothingToTalkTo, WrongUse
from tidelock.local import statefile
from tidelock.local.addresses import Addresses
from tidelock.local.lock import DirectoryLock


def test_a_stack_in_the_directory_is_found_and_never_taken_for_another(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.acquire()
    try:
        part = statefile.PartRecord("worker-0", "ready", 1, 0.0, "127.0.0.1:2", "log")
        statefile.write(tmp_path, 1, Addresses("127.0.0.1:1", None, None, None, ("127.0.0.1:2",)), [part])
        (tmp_path / "dev-token").write_text("secret")
        (tmp_path / "operator-token").write_text("of the operator")
        (tmp_path / "ports.json").write_text(json.dumps({"worker-0-metrics": 3, "worker-9-metrics": 4}))
        found = find(tmp_path, {"TIDELOCK_KAFKA": "127.0.0.1:1"})
        with pytest.raises(WrongUse, match=r"TIDELOCK_WORKERS names elsewhere:1.*Unset TIDELOCK_WORKERS"):
            find(tmp_path, {"TIDELOCK_WORKERS": "elsewhere:1"})
    finally:
        lock.release()
    assert (found.kafka, found.workers, found.token) == ("127.0.0.1:1", ("127.0.0.1:2",), "secret")
    assert found.metrics == (("worker-0", "127.0.0.1:3"),)
    assert found.operator == "of the operator"


def test_one_that_is_starting_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(NothingToTalkTo, match="No stack runs"):
        find(tmp_path, {})
    lock = DirectoryLock(tmp_path)
    lock.acquire()
    try:
        with pytest.raises(NothingToTalkTo, match="is starting"):
            find(tmp_path, {})
        assert find(tmp_path, {"TIDELOCK_KAFKA": "k:1"}).kafka == "k:1"
    finally:
        lock.release()
    with pytest.raises(NothingToTalkTo, match="No stack runs"):
        find(tmp_path, {})


def test_else_the_environment_is_asked(tmp_path: Path) -> None:
    found = find(
        tmp_path, {"TIDELOCK_KAFKA": "k:1", "TIDELOCK_WORKERS": "a:1, b:2", "TIDELOCK_METRICS": "a:3"}
    )
    assert (found.need_kafka(), found.need_workers(), found.token) == ("k:1", ("a:1", "b:2"), "dev")
    assert found.metrics == (("a:3", "a:3"),)
    assert found.operator is None
    with pytest.raises(NothingToTalkTo, match="TIDELOCK_REDIS"):
        found.need_redis()
    named = find(tmp_path, {"TIDELOCK_KAFKA": "k:1", "TIDELOCK_REDIS": "redis://r:1/0"})
    assert named.need_redis() == "redis://r:1/0"
    assert find(tmp_path, {"TIDELOCK_KAFKA": "k:1", "TIDELOCK_OPERATOR_TOKEN": "o"}).operator == "o"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(NothingToTalkTo, match="tidelock up"):
        find(tmp_path, {})
    with pytest.raises(NothingToTalkTo, match="TIDELOCK_WORKERS"):
        find(tmp_path, {"TIDELOCK_KAFKA": "k:1"}).need_workers()
    with pytest.raises(NothingToTalkTo, match="TIDELOCK_KAFKA"):
        find(tmp_path, {"TIDELOCK_WORKERS": "w:1"}).need_kafka()

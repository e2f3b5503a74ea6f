"""`state` and `events` on a log in memory: what they say of any kind, and what they leave out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.log.positions import PartitionId
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_rewind import EPOCH_MS, Topic, night
from tidelock.cli import exits

AT_KAFKA = ("locks", "orders/42", "--utc")


@pytest.fixture(autouse=True)
def planted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async def partitions_of(*_: object) -> dict[PartitionId, int]:
        return {}

    monkeypatch.setenv("TIDELOCK_KAFKA", "memory:1")
    for module in ("rewinding", "telling"):
        monkeypatch.setattr(f"tidelock.cli.{module}.partitions_of", partitions_of)
        monkeypatch.setattr(f"tidelock.cli.{module}.reader_of", lambda _: lambda _: Topic(night()))


def lines(cli: Cli, *args: str) -> list[dict[str, Any]]:
    ran = cli(*args, "--json")
    assert ran.code == exits.OK, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_a_state_is_shown_field_by_field_with_its_proof(cli: Cli) -> None:
    (shown,) = lines(cli, "state", *AT_KAFKA, "--at", "locks/0@2")
    (holder,) = shown["state"]["holders"]
    assert (holder["client"], shown["changed"]["command"]) == ("a", "AcquireLock")
    assert (shown["position"], shown["settled"]) == ("locks/0@2", True)
    told = cli("state", *AT_KAFKA, "--at", "locks/0@2").out
    assert "holders" in told
    assert "again  tidelock state locks orders/42 --at locks/0@2" in told


def test_every_decision_is_told_with_what_it_caused(cli: Cli) -> None:
    told = lines(cli, "events", *AT_KAFKA)
    assert [one["outcome"] for one in told] == ["LockHeld", "LockWaiting", "LOCK_BUSY", "", "LockWaiting"]
    assert [[event["type"] for event in one["events"]] for one in told] == [
        ["LockGranted"], ["LockWaitStarted"], [], ["LockExpired", "LockGranted"], ["LockWaitStarted"],
    ]  # fmt: skip
    shown = cli("events", *AT_KAFKA).out
    assert "nobody (its timer)" in shown
    assert "→ LockExpired" in shown


@pytest.mark.parametrize(
    ("span", "offsets"),
    [
        (("--limit", "2"), [6, 7]),
        (("--since", "2020-11-17T14:03:03Z"), [4, 6, 7]),
        (("--until", "2020-11-17T14:03:04Z"), [2, 3, 4]),
        (("--since", "2020-11-17T14:03:02Z", "--until", "2020-11-17T14:03:09Z"), [3, 4]),
        (("--since", "2021-01-01T00:00:00Z"), []),
    ],
    ids=str,
)
def test_a_span_of_decisions(cli: Cli, span: tuple[str, ...], offsets: list[int]) -> None:
    told = lines(cli, "events", *AT_KAFKA, *span)
    assert [int(one["position"].partition("@")[2]) for one in told] == offsets
    assert all(one["time_ms"] >= EPOCH_MS for one in told)


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("state", "lock", "x"), "locks"),
        (("events", "nonsense", "x"), "locks"),
        (("state", "locks", ""), "name"),
        (("state", "locks", "x", "--tenant", "a/b"), "tenant"),
        (("events", "locks", "x", "--follow", "--until", "-1s"), "--follow"),
        (("events", "locks", "x", "--since", "-1s", "--until", "-5s"), "--since"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_cure(cli: Cli, args: tuple[str, ...], word: str) -> None:
    ran = cli(*args)
    assert (ran.code, word in ran.err) == (exits.USAGE, True), ran.err


def test_who_was_never_asked_for_is_said_so(cli: Cli) -> None:
    assert "NEVER_USED" in cli("state", "locks", "nobody").err
    assert "nothing was decided on it" in cli("events", "locks", "nobody").out

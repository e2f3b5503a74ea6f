"""The frame of every command: help that teaches, errors in one line with the cure, documented exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId, Position
from streams.log.reader import UnknownEvent
from tests.unit.cli.conftest import Cli
from tidelock import errors
from tidelock.cli import exits
from tidelock.cli.exits import NothingToTalkTo, WrongUse, exit_code_of
from tidelock.cli.main import main

COMMANDS = (
    ("up",), ("status",), ("verify",), ("lock", "acquire"), ("lock", "release"), ("lock", "show"), ("log", "tail"),
    ("workload", "locks"), ("workload", "demo"), ("feature", "status"), ("feature", "activate"),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_each_command_shows_an_example(cli: Cli, command: tuple[str, ...]) -> None:
    ran = cli(*command, "--help")
    assert ran.code == exits.OK
    assert "Example: tidelock" in " ".join(ran.out.split())


def test_the_help_documents_the_exit_codes(cli: Cli) -> None:
    assert exits.HELP in " ".join(cli("--help").out.split())


@pytest.mark.parametrize(
    "command",
    [("status",), ("env",), ("verify",), ("log", "tail"), ("lock", "show", "x"), ("lock", "acquire", "x")],
    ids=" ".join,
)
def test_without_a_stack_the_cure_is_told_in_one_line(
    cli: Cli, tmp_path: Path, command: tuple[str, ...]
) -> None:
    ran = cli(*command, "--home", str(tmp_path))
    assert (ran.code, ran.out, ran.err.count("\n")) == (exits.NOBODY, "", 1)
    assert "tidelock up" in ran.err


def test_tracebacks_only_for_those_who_ask(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIDELOCK_DEBUG", "1")
    monkeypatch.setattr("sys.argv", ["tidelock", "status", "--home", str(tmp_path)])
    with pytest.raises(NothingToTalkTo):
        main()


def test_a_bug_is_told_in_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("tidelock.cli.main.app", broken)
    ran = cli("status")
    assert (ran.code, ran.err.count("\n"), "TIDELOCK_DEBUG" in ran.err) == (exits.BUG, 1, True)


@pytest.mark.parametrize(
    "args",
    [
        ("nonsense",),
        ("lock", "acquire"),
        ("lock", "acquire", "x", "--detach", "--hold", "1"),
        ("lock", "acquire", "x", "--priority", "10"),
        ("verify", "unicorns"),
        ("workload", "locks", "--trace", "/nowhere.csv"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_2(cli: Cli, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("TIDELOCK_WORKERS", "127.0.0.1:1")
    assert cli(*args).code == exits.USAGE


@pytest.mark.parametrize(
    ("start", "partition"), [("5", ()), ("locks/x", ()), ("queues/0@5", ()), ("locks/1@5", ("-p", "0"))]
)
def test_a_place_to_start_from_must_be_in_the_log_that_is_shown(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, start: str, partition: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
    assert cli("log", "tail", "--from", start, *partition).code == exits.USAGE


def test_each_error_has_its_exit_code() -> None:
    position = Position(PartitionId("locks", 0), 7)
    assert exit_code_of(errors.LockBusy("held")) == exits.NO
    assert exit_code_of(errors.WaitTimedOut("late")) == exits.NO
    assert exit_code_of(errors.OutcomeUnknown("?")) == exits.UNKNOWN
    assert exit_code_of(errors.LockLost("gone")) == exits.LOST
    assert exit_code_of(errors.ConnectionLost("down")) == exits.NOBODY
    assert exit_code_of(errors.Unavailable("down")) == exits.NOBODY
    assert exit_code_of(LogUnavailable("down")) == exits.NOBODY
    assert exit_code_of(errors.BadArgument("wrong")) == exits.USAGE
    assert exit_code_of(WrongUse("wrong")) == exits.USAGE
    assert exit_code_of(UnknownEvent(position, "new")) == exits.NO


def subclasses(cls: type[Exception]) -> Iterator[type[Exception]]:
    yield cls
    for sub in cls.__subclasses__():
        yield from subclasses(sub)


def test_every_expected_error_has_a_stable_code() -> None:
    expected = [cls for root in exits.EXPECTED for cls in subclasses(root)]
    assert all(isinstance(getattr(cls, "code", None), str) for cls in expected)

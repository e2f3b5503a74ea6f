"""The frame of every command: help that teaches, errors in one line with the cure, documented exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streams.domain.caches import rejections
from streams.log.ports import LogUnavailable
from streams.log.positions import PartitionId, Position
from streams.log.reader import UnknownEvent
from streams.replay.findings import Report
from tests.unit.cli.conftest import Cli
from tidelock import errors
from tidelock.cli import exits
from tidelock.cli.cures import typed_cures
from tidelock.cli.exits import UNWRITTEN, NothingToTalkTo, WrongUse, exit_code_of
from tidelock.cli.main import main
from tidelock.cli.status_gather import Overview

NOT_UTF8 = os.fsdecode(b"\xff\xfe")
FULL = Path("/dev/full")
COMMANDS = (
    ("up",), ("status",), ("verify",), ("state",), ("events",), ("lock", "acquire"),
    ("lock", "release"), ("lock", "show"), ("log", "tail"),
    ("rewind",), ("explain",), ("lock", "history"),
    ("workload", "locks"), ("workload", "demo"), ("feature", "status"), ("feature", "activate"),
)  # fmt: skip


def test_a_cure_names_what_is_typed_here() -> None:
    unknown = rejections.cache_unknown("prices", 0).message
    assert typed_cures(unknown) == "there is no cache 'prices'; create it (`tidelock cache create`)"
    assert typed_cures("as it is (CreateCachette)") == "as it is (CreateCachette)"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_each_command_shows_an_example(cli: Cli, command: tuple[str, ...]) -> None:
    ran = cli(*command, "--help")
    assert ran.code == exits.OK
    assert "Example: tidelock" in " ".join(ran.out.split())


def test_the_help_documents_the_exit_codes(cli: Cli) -> None:
    assert exits.HELP in " ".join(cli("--help").out.split())


@pytest.mark.parametrize(
    "command",
    [
        ("status",),
        ("env",),
        ("verify",),
        ("log", "tail"),
        ("lock", "show", "x"),
        ("lock", "acquire", "x"),
        ("rewind", "--at", "-1s", "lock", "x"),
        ("explain", "lock", "x"),
        ("state", "locks", "x"),
        ("events", "locks", "x"),
        ("lock", "history", "x"),
    ],
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
    def broken(**_: object) -> None:
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
        ("lock", "acquire", "x", "--wait", "inf"),
        ("lock", "acquire", "x", "--wait", "nan"),
        ("lock", "acquire", "x", "--lock-delay", "inf"),
        ("lock", "acquire", NOT_UTF8),
        ("lock", "show", NOT_UTF8),
        ("lock", "release", NOT_UTF8, "--token", "1", "--client", "c"),
        ("lock", "release", "x", "--token", "1", "--client", NOT_UTF8),
        ("lock", "release", "x", "--token", "1", "--client", "c", "--handle", NOT_UTF8),
        ("rewind", "--at", "-1s", "lock", NOT_UTF8),
        ("rewind", "lock", "x"),
        ("explain", "lock", "x", "--tenant", NOT_UTF8),
        ("lock", "history", "x", "--limit", "0"),
        ("verify", "unicorns"),
        ("verify", NOT_UTF8),
        ("workload", "locks", "--trace", "/dev/null"),
        ("workload", "locks", "--trace", "/dev/null", "--ttl", "inf"),
        ("workload", "locks", "--trace", "/nowhere.csv"),
    ],
    ids=lambda args: ascii(" ".join(args)),
)
def test_wrong_use_is_2(cli: Cli, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...]) -> None:
    monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("TIDELOCK_WORKERS", "127.0.0.1:1")
    assert cli(*args).code == exits.USAGE


@pytest.mark.parametrize(
    ("start", "partition"), [("5", ()), ("locks/x", ()), ("nothings/0@5", ()), ("locks/1@5", ("-p", "0"))]
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


def test_a_name_that_is_not_utf8_is_shown_as_bytes(cli: Cli) -> None:
    ran = cli("lock", "show", NOT_UTF8)
    assert ran.code == exits.USAGE
    assert r"b'\xff\xfe' is not UTF-8" in " ".join(ran.err.split())


def test_what_cannot_be_encoded_is_of_an_argument_or_a_bug(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(text: str) -> Callable[..., object]:
        return lambda **_: text.encode("ascii")

    monkeypatch.setattr("tidelock.cli.main.app", encode(NOT_UTF8))
    ran = cli("log", "tail")
    assert (ran.code, "not UTF-8" in ran.err) == (exits.USAGE, True)
    monkeypatch.setattr("tidelock.cli.main.app", encode("ä"))
    assert cli("log", "tail").code == exits.BUG


async def overview(*_: object) -> Overview:
    return Overview([], [])


async def no_reports(*_: object) -> list[Report]:
    return []


@pytest.mark.parametrize("buffering", [1, 8192], ids=["lines", "blocks"])
@pytest.mark.parametrize(
    "args", [("status",), ("status", "--json"), ("verify",), ("verify", "--json")], ids=" ".join
)
def test_an_output_that_is_full_is_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, args: tuple[str, ...], buffering: int
) -> None:
    monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
    monkeypatch.setattr("tidelock.cli.status.gather", overview)
    monkeypatch.setattr("tidelock.cli.verify._verify", no_reports)
    with FULL.open("w", buffering=buffering) as full:
        monkeypatch.setattr("sys.stdout", full)
        ran = cli(*args)
    assert (ran.code, ran.err.count("\n")) == (UNWRITTEN, 1)
    assert ran.err.startswith("OUTPUT: The output cannot be written (No space left on device)")


def test_an_output_that_fills_up_at_the_end_is_told(tmp_path: Path) -> None:
    place = {"TIDELOCK_KAFKA": "127.0.0.1:1", "TIDELOCK_WORKERS": "127.0.0.1:1"}
    with FULL.open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "tidelock.cli.main", "env", "--home", str(tmp_path)],
            env=os.environ | place, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (ran.returncode, ran.stderr.count("\n")) == (UNWRITTEN, 1)


def test_the_docs_have_every_exit_code() -> None:
    page = (Path(__file__).parents[3] / "docs/getting-started.md").read_text()
    codes = (exits.OK, exits.NO, exits.USAGE, exits.NOBODY, exits.UNKNOWN, exits.LOST, exits.BUG, UNWRITTEN)
    assert all(f"\n| {code} | " in page for code in codes)


def subclasses(cls: type[Exception]) -> Iterator[type[Exception]]:
    yield cls
    for sub in cls.__subclasses__():
        yield from subclasses(sub)


def test_every_expected_error_has_a_stable_code() -> None:
    expected = [cls for root in exits.EXPECTED for cls in subclasses(root)]
    assert all(isinstance(getattr(cls, "code", None), str) for cls in expected)

"""`tidelock queue`: help that teaches, and wrong use told in one line before anything is asked."""

import os
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli
from tidelock.cli import exits

COMMANDS = (
    "create", "put", "take", "ack", "nack", "extend", "peek", "stats", "dead", "redrive", "purge", "history",
    "configure", "pause", "resume", "resize", "subscribe", "delete",
)  # fmt: skip
NOT_UTF8 = os.fsdecode(b"\xff\xfe")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_shows_an_example(cli: Cli, command: str) -> None:
    ran = cli("queue", command, "--help")
    assert ran.code == exits.OK
    assert "Example: tidelock queue" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    "args",
    [
        ("put", "x", "y", "--lines", "z"),
        ("put", "x", "--lines", "z", "--dedup-id", "d"),
        ("put", "x", "y", "--header", "novalue"),
        ("put", "x", "y", "--priority", "10"),
        ("put", "x", NOT_UTF8),
        ("put", "x", "y", "--group", NOT_UTF8),
        ("take", "x", "--ack", "--nack"),
        ("take", "x", "--nack", "--", "true"),
        ("peek", "x", "--state", "lost"),
        ("purge", "x", "--state", "LEASED", "--yes"),
        ("create", "x", "--shards", "65"),
        ("create", "x", "--overflow", "SPILL"),
        ("create", "x", "--jitter", "1.1"),
        ("configure", "x", "--max-payload", "131073"),
        ("resize", "x", "0"),
        ("ack", "x", "1.2"),
    ],
    ids=lambda args: " ".join(args).encode(errors="replace").decode(),
)
def test_wrong_use_is_told_and_its_exit_code_says_so(cli: Cli, args: tuple[str, ...]) -> None:
    assert cli("queue", *args).code == exits.USAGE


@pytest.mark.parametrize("command", ["stats", "take", "pause"])
def test_without_a_stack_the_exit_code_says_so(cli: Cli, command: str, tmp_path: Path) -> None:
    assert cli("queue", command, "x", "--home", str(tmp_path)).code == exits.NOBODY

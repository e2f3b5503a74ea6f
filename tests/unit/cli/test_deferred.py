"""Commands that are imported when asked for: nobody waits for the others, and nobody sees the difference."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_group

import tidelock
from tests.unit.cli.conftest import Cli
from tidelock.cli import exits
from tidelock.cli.deferred import Deferred
from tidelock.cli.main import app

HEAVY = ("aiokafka", "faust", "httpx", "psycopg", "streams.engine", "tidelock.client.client")
LOADED = f"import sys, tidelock, tidelock.cli.main; print([each for each in {HEAVY} if each in sys.modules])"


def deferred(group: Any = None, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Deferred]]:
    """All commands that are deferred, and by which words they are called."""
    for name, command in (group or get_group(app)).commands.items():
        if isinstance(command, Deferred):
            yield (*above, name), command
            command = command.itself()
        if isinstance(command, TyperGroup):
            yield from deferred(command, (*above, name))


COMMANDS = dict(deferred())


def test_most_commands_are() -> None:
    assert {("status",), ("queue",), ("queue", "put"), ("lock", "history")} <= COMMANDS.keys()


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_line_in_the_help_is_the_first_of_the_commands_own(words: tuple[str, ...]) -> None:
    stand_in = COMMANDS[words]
    own = stand_in.itself()
    assert own.help is not None
    assert (stand_in.help, stand_in.name) == (" ".join(own.help.split("\n\n")[0].split()), own.name)


def test_to_start_takes_no_client_and_no_database() -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_has_its_help_under_its_name(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        app([*words, "-h"], prog_name="tidelock")
    assert ended.value.code == exits.OK
    assert f"Usage: tidelock {' '.join(words)} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("tidelock pro", ["projection"]),
        ("tidelock queue pe", ["peek"]),
        ("tidelock up --h", ["--home", "--help"]),
    ],
)
def test_the_shell_completes_commands_and_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str, completions: list[str]
) -> None:
    monkeypatch.setenv("_TIDELOCK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    with pytest.raises(SystemExit):
        app([], prog_name="tidelock")
    assert capsys.readouterr().out.split() == completions


def test_one_that_is_misspelt_is_suggested(cli: Cli) -> None:
    ran = cli("statu")
    assert (ran.code, "Did you mean 'status'" in ran.err) == (exits.USAGE, True)


def test_the_library_has_all_its_names() -> None:
    assert all(getattr(tidelock, name) is not None for name in tidelock.__all__)
    assert set(tidelock.__all__) <= set(dir(tidelock))
    with pytest.raises(AttributeError, match="'tidelock' has no attribute 'nothing'"):
        tidelock.nothing  # type: ignore[attr-defined]  # noqa: B018

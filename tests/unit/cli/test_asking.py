"""The one question before what cannot be undone."""

from __future__ import annotations

from io import StringIO

import pytest
import typer

from tidelock.cli.asking import ask
from tidelock.cli.exits import WrongUse


class Terminal(StringIO):
    """Somebody who answers."""

    def isatty(self) -> bool:
        return True


def test_who_says_yes_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    ask("Really?", yes=False)


@pytest.mark.parametrize("text", ["n\n", "\n", ""])
def test_who_does_not_say_yes_aborts(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))
    with pytest.raises(typer.Abort):
        ask("Really?", yes=False)


def test_who_said_yes_before_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))
    ask("Really?", yes=True)


def test_where_nobody_can_be_asked_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("y\n"))
    with pytest.raises(WrongUse, match=r"Really\? Say --yes"):
        ask("Really?", yes=False)

"""Running the command line inside the test's process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from rich.console import Console

from tidelock.cli import show
from tidelock.cli.main import main


@dataclass(frozen=True)
class Ran:
    """How one command ended and what it said."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run `tidelock ARGS`, in an environment that names no stack."""
    for name in (
        "KAFKA",
        "WORKERS",
        "TOKEN",
        "DEV_TOKEN",
        "OPERATOR_TOKEN",
        "METRICS",
        "HOME",
        "DEBUG",
        "TLS_CA",
    ):
        monkeypatch.delenv(f"TIDELOCK_{name}", raising=False)
    # as a pipe gets it, whatever the terminal of whoever runs this; what is left unwritten is nobody else's
    monkeypatch.setattr(show, "out", Console(highlight=False, width=show.PIPE_WIDTH))

    def run(*args: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["tidelock", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return run

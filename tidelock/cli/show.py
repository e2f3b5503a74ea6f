"""How commands speak: tables and bars for people, JSON for machines; errors on standard error, in one line."""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 160
"""Columns when nobody says how many there are."""

out = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH)
err = Console(stderr=True, highlight=False)


def as_json(content: Any) -> None:
    """Print one JSON document on one line."""
    out.file.write(json.dumps(content, default=str, separators=(",", ":")) + "\n")
    out.file.flush()


def compact(content: Any) -> str:
    """Return plain data as JSON on one line, for tables."""
    return content if isinstance(content, str) else json.dumps(content, default=str, ensure_ascii=False)


def literal(text: str) -> Text:
    """Return a cell that shows `text` as it is."""
    return Text(text)


def say(text: str, style: str | None = None) -> None:
    """Print one line as it is."""
    out.print(text, style=style, markup=False, soft_wrap=True)


def complain(code: str, text: str) -> None:
    """Print one line on standard error."""
    err.print(f"{code}: {' '.join(text.split())}", style="red", markup=False, soft_wrap=True)


_WHOLE = frozenset(
    {"projection", "partition", "owner", "health", "token or ticket", "since", "from", "to", "position"}
)
"""Columns that are useless when broken."""


def table(title: str | None, *columns: str, right: frozenset[str] = frozenset()) -> Table:
    """Return an empty table; the columns in `right` hold numbers."""
    made = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold cyan", box=None, pad_edge=False,
        padding=(0, 1, 0, 0),
    )  # fmt: skip
    for column in columns:
        numeric, whole = column in right, column in right or column in _WHOLE
        made.add_column(column, justify="right" if numeric else "left", no_wrap=whole, overflow="fold")
    return made


def settings(chosen: Mapping[str, Any]) -> None:
    """Print settings, one a row; one that is not set is empty."""
    made = table(None, "setting", "value")
    for name, each in chosen.items():
        made.add_row(name, literal("" if each is None else str(each)))
    out.print(made)


def done(facts: Mapping[str, Any], text: str, *, json: bool) -> None:
    """Print what was done: `facts` for machines, `text` for people."""
    if json:
        as_json(facts)
    else:
        say(text)


def number(value: float) -> str:
    """Return a whole number with separators of thousands."""
    return f"{value:,.0f}"


def debugging() -> bool:
    """Whether tracebacks are wanted (TIDELOCK_DEBUG=1)."""
    return os.environ.get("TIDELOCK_DEBUG", "") not in {"", "0"}

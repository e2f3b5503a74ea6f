"""What `tidelock up` shows when the stack runs: where everything is, commands to try, GraphQL to paste."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.ops.addresses import shown
from tidelock.local.addresses import Addresses
from tidelock.local.settings import StackSettings

COMMANDS = (
    ("tidelock lock acquire orders/42", "take a lock and hold it"),
    ("tidelock explain lock orders/42", "who holds it, and how that came to be"),
    ("tidelock queue create orders", "make a queue; then put, take, peek, history ..."),
    ("tidelock cache create prices", "make a cache; then put, get, entry, watch, history ..."),
    ("tidelock node list", "which nodes live; then show, watch, drain ..."),
    ("tidelock status", "who owns what, and how it fares"),
)
PASTE = (
    ("a query", "{ locks(first: 5) { nodes { name mode holders { client } } } }"),
    ("another", "{ queues(first: 5) { nodes { name messages oldestAgeMs } } }"),
    ("live", 'subscription { lockEvents(prefix: "") { __typename name time } }'),
)


def banner(addresses: Addresses, settings: StackSettings, *, already: bool = False) -> RenderableType:
    """Return the panel for a running stack."""
    title = "Tidelock runs already" if already else "Tidelock is up"
    foot = "Stop it where it was started." if already else "Ctrl-C stops it; the data stays."
    logs = Text(f"Logs in {_short(settings.logs)}. {foot}", style="dim")
    paste: list[RenderableType] = [_paste(), Text()] if addresses.graphql else []
    body = Group(_addresses(addresses, settings), Text(), _commands(), Text(), *paste, logs)
    return Panel(body, title=title, border_style="cyan", expand=False, padding=(1, 2))


def _addresses(addresses: Addresses, settings: StackSettings) -> Table:
    rows = (
        ("Kafka", addresses.kafka, settings.kafka),
        ("PostgreSQL", addresses.postgres, settings.postgres),
        ("Redis", addresses.redis, settings.redis),
        ("InfluxDB", addresses.influx and shown(addresses.influx.url), settings.influx),
        ("Workers", ", ".join(addresses.workers), None),
        ("GraphiQL", addresses.graphql, None),
    )
    table = Table.grid(padding=(0, 2))
    for name, address, external in rows:
        note = "yours" if external else ""
        table.add_row(Text(name, style="bold"), Text(address or "off"), Text(note, style="dim"))
    return table


def _commands() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("Try", style="bold"))
    for command, what in COMMANDS:
        table.add_row(Text(f"  {command}", style="green"), Text(what, style="dim"))
    return table


def _paste() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("In GraphiQL", style="bold"))
    for what, text in PASTE:
        table.add_row(Text(f"  {text}", style="green"), Text(what, style="dim"))
    return table


def _short(path: Path) -> Path:
    full, here = path.resolve(), Path.cwd()
    return full.relative_to(here) if full.is_relative_to(here) else full

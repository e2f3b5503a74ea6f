"""How queues and their messages are shown."""

import json
import shlex
from dataclasses import asdict
from typing import Any

from rich.table import Table

from streams.domain.queues.commands import Origin
from streams.domain.queues.replies import MessageBody
from streams.domain.queues.settings import QueueSettings
from tidelock.cli import show
from tidelock.cli.payloads import put_out, sketched, written
from tidelock.client.queues.message import Message
from tidelock.client.queues.views import Counts, PeekedView, QueueReport

SHOWN = 60
COLUMNS = ("ready", "delayed", "leased", "dead", "moving", "waiting", "oldest")


def facts(body: MessageBody) -> dict[str, Any]:
    """Return what a message says, for machines."""
    payload, encoding = written(body.payload)
    told: dict[str, Any] = {"payload": payload, "encoding": encoding, "priority": body.priority}
    optional = {"group": body.group, "key": body.key, "dedup_id": body.dedup_id}
    told |= {name: text for name, text in optional.items() if text is not None}
    if body.headers:
        told["headers"] = {header.name: header.value for header in body.headers}
    if body.origin is not None:
        told["origin"] = asdict(body.origin)
    return told


def taken(message: Message[bytes], as_json: bool, *, leased: bool) -> None:
    """Print a message that was taken, before anything becomes of it. `leased`: with its receipt."""
    if not as_json:
        put_out(message.body.payload)
        return
    own = {"id": str(message.id), "attempt": message.attempt}
    lease = {"receipt": message.receipt, "leased_s": round(message.expires_in(), 1)} if leased else {}
    show.as_json(own | lease | facts(message.body))


def settled(message: Message[bytes], done: str) -> None:
    """Tell those who watch what became of a message, once that is certain."""
    again = f", attempt {message.attempt}" if message.attempt > 1 else ""
    no_text = (
        "" if written(message.body.payload)[1] == "utf-8" else f", {len(message.body.payload)} bytes, no text"
    )
    aside(f"{message.id} {done}{again}{no_text}")


def leased(message: Message[bytes], subscription: str) -> None:
    """Tell those who watch the receipt of a message, and what it is good for."""
    aside(f"receipt {message.receipt}, for {message.expires_in():.0f} s")
    of = f" -s {shlex.quote(subscription)}" if subscription else ""
    aside(f"settle it: tidelock queue ack {shlex.quote(message.queue)} {message.receipt}{of}")


def aside(text: str) -> None:
    """Print a line on standard error, as it is."""
    show.err.print(show.literal(text), style="dim", soft_wrap=True)


def peeked(queue: str, views: list[PeekedView], as_json: bool) -> None:
    """Print messages where they stand."""
    if as_json:
        for view in views:
            show.as_json({"id": str(view.id)} | _standing(view) | facts(view.body))
        return
    if not views:
        show.say(f"{queue}: no such messages")
        return
    table = show.table(
        None, "id", "state", "attempts", "priority", "group", "why", "payload",
        right=frozenset({"attempts", "priority"}),
    )  # fmt: skip
    for view in views:
        _row(
            table, str(view.id), view.state, str(view.standing.attempts), str(view.body.priority),
            view.body.group or "", view.standing.reason or _came_from(view.body.origin),
            _short(sketched(view.body.payload)),
        )  # fmt: skip
    show.out.print(table)


def _row(table: Table, *cells: str) -> None:
    """Add a row whose cells are shown as they are: what others wrote is no markup."""
    table.add_row(*map(show.literal, cells))


def _standing(view: PeekedView) -> dict[str, Any]:
    standing = view.standing
    told: dict[str, Any] = {"state": standing.state, "attempts": standing.attempts}
    optional = {"reason": standing.reason, "client": standing.client, "to": standing.to}
    return told | {name: text for name, text in optional.items() if text}


def _came_from(origin: Origin | None) -> str:
    return "" if origin is None else f"{origin.reason} (in {origin.queue})"


def _short(text: str) -> str:
    line = json.dumps(text, ensure_ascii=False)[1:-1]
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def report(queue: QueueReport, as_json: bool) -> None:
    """Print a queue in numbers."""
    if as_json:
        show.as_json(asdict(queue))
        return
    route, settings = queue.route, queue.settings
    moving = "" if route.shards == route.previous else f" (being resized from {route.previous})"
    flags = "".join(
        f", {word}" for word, on in (("paused", settings.paused), ("broadcast", settings.broadcast)) if on
    )
    show.say(
        f"{queue.queue}: {show.number(queue.messages)} messages, {show.number(queue.bytes)} bytes, "
        f"{route.shards} shards{moving}{flags}"
    )
    table = show.table(None, "of", *COLUMNS, right=frozenset(COLUMNS))
    if settings.broadcast:
        for name, counts in queue.subscriptions.items():
            _row(table, f"subscription {name}", *_numbers(counts))
    else:
        _row(table, "all", *_numbers(queue.counts))
    show.out.print(table)


def _numbers(counts: Counts) -> list[str]:
    whole = (counts.ready, counts.delayed, counts.leased, counts.dead, counts.moving, counts.waiting)
    return [*map(show.number, whole), f"{counts.oldest_s:.1f} s" if counts.oldest_s else ""]


def settings(queue: str, chosen: QueueSettings, as_json: bool) -> None:
    """Print how a queue behaves."""
    if as_json:
        show.as_json({"queue": queue} | asdict(chosen))
        return
    show.say(queue, "bold")
    show.settings(asdict(chosen))

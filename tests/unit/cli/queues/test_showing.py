"""What others wrote is shown as they wrote it: it is no markup, and no byte of it is lost."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from tests.unit.cli.conftest import Cli
from tests.unit.client.queues.server import QueueWorker
from tidelock.cli import exits, queue_manage, queue_view, show
from tidelock.cli.inputs import bar_of
from tidelock.client.client import Client
from tidelock.client.queues.queue import Queue
from tidelock.client.queues.resizing import ResizeProgress

MARKUP = "see [/b] and [red]this[/red] :smile:"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "out", Console(highlight=False, width=show.PIPE_WIDTH))


async def test_markup_of_others_is_shown_and_not_read(
    orders: Queue[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    await orders.configure(max_attempts=1)
    await orders.put(MARKUP.encode(), group="g[/i]")
    (message,) = await orders.receive()
    await message.nack(reason="why[/u]")
    queue_view.peeked("orders", await orders.peek(1), as_json=False)
    shown = capsys.readouterr().out
    assert all(text in shown for text in (MARKUP, "g[/i]", "why[/u]"))


async def test_names_in_settings_and_numbers_are_shown_and_not_read(
    client: Client, worker: QueueWorker, capsys: pytest.CaptureFixture[str]
) -> None:
    queue = client.queue("a[/b]")
    await queue.create(broadcast=True, dead_letter_queue="c[/d]")
    await queue.subscription("e[/f]").add()
    report = await queue.stats()
    queue_view.settings(report.queue, report.settings, as_json=False)
    queue_view.report(report, as_json=False)
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("a[/b]", "c[/d]", "e[/f]"))


def test_names_in_what_is_under_way_are_shown_and_not_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    class Resized:
        async def resize(self, shards: int, *, wait: bool, progress: Callable[[Any], None]) -> ResizeProgress:
            progress(ResizeProgress(2, 1, 2, 3, done=False))
            return ResizeProgress(2, 2, 2, 0, done=True)

    monkeypatch.setattr(queue_manage, "on_queue", lambda home, name, do: asyncio.run(do(Resized())))
    assert cli("queue", "resize", "a[/b]", "2").code == exits.OK
    bar = bar_of("put into a[/b]", None, quiet=True)
    bar.get_renderable()
    assert bar.tasks[0].description == "put into a[/b]"


@pytest.mark.parametrize("payload", [b"\xff", b"\\xff", b"", "grün".encode()])
async def test_machines_get_every_byte(
    orders: Queue[bytes], capsys: pytest.CaptureFixture[str], payload: bytes
) -> None:
    await orders.put(payload)
    queue_view.peeked("orders", await orders.peek(1), as_json=True)
    told = json.loads(capsys.readouterr().out)
    text = told["payload"]
    assert payload == (b64decode(text) if told["encoding"] == "base64" else text.encode())

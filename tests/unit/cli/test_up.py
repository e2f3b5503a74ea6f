"""`tidelock up`: what it asks of the local stack, and the demo beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.unit.cli.conftest import Cli
from tidelock.cli.demo import demo_beside
from tidelock.client.errors import ConnectionLost, NotAuthenticated
from tidelock.local.addresses import Addresses
from tidelock.local.settings import StackSettings
from tidelock.workload.demo import Demo

Beside = Callable[[Addresses], Awaitable[None]] | None
ADDRESSES = Addresses("127.0.0.1:1", None, None, None, ("127.0.0.1:2",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[StackSettings, Beside]]:
    """What stacks were asked for; each ends at once with 7."""
    calls: list[tuple[StackSettings, Beside]] = []

    async def run_stack(settings: StackSettings, console: Console, beside: Beside) -> int:
        calls.append((settings, beside))
        return 7

    monkeypatch.setattr("tidelock.cli.up.run_stack", run_stack)
    monkeypatch.delenv("DEMO", raising=False)
    return calls


def test_the_stack_is_as_large_as_asked(
    cli: Cli, asked: list[tuple[StackSettings, Beside]], tmp_path: Path
) -> None:
    assert cli("up", "--home", str(tmp_path), "--brokers", "3", "--workers", "2").code == 7
    ((settings, beside),) = asked
    assert (settings.home, settings.brokers, settings.workers) == (tmp_path, 3, 2)
    assert beside is not None


@pytest.mark.parametrize(("args", "demo"), [((), "0"), (("--no-demo",), "1")])
def test_the_demo_can_be_left_out(
    cli: Cli,
    asked: list[tuple[StackSettings, Beside]],
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    demo: str,
) -> None:
    monkeypatch.setenv("DEMO", demo)
    cli("up", *args)
    assert asked[0][1] is None


async def test_a_demo_that_fails_says_why_and_lets_the_stack_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def fail(_: Demo) -> None:
        raise ConnectionLost("nobody there")

    monkeypatch.setattr(Demo, "run", fail)
    console = Console(file=StringIO(), record=True, width=100)
    beside = demo_beside(tmp_path, console)
    await beside(ADDRESSES)
    assert "demo ended: nobody there" in console.export_text()


async def test_the_demo_is_summed_up_and_ends_with_the_stack(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def work(_: Demo) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Demo, "run", work)
    monkeypatch.setattr("tidelock.cli.demo.FIRST_SUMMARY_S", 0.0)
    console = Console(file=StringIO(), record=True, width=100)
    running = asyncio.ensure_future(demo_beside(tmp_path, console)(ADDRESSES))
    while "5 clients, 0 grants" not in console.export_text(clear=False):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_refused_token_ends_the_demo_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        async def __aenter__(self) -> Refusing:
            return self

        async def __aexit__(self, *_: object) -> None:
            """Close."""

        def lock(self, *_: object, **__: object) -> None:
            raise NotAuthenticated("wrong token")

    monkeypatch.setattr("tidelock.connect", lambda *_, **__: Refusing())
    with pytest.raises(NotAuthenticated, match="wrong token"):
        await Demo(("127.0.0.1:1",), "wrong", clients=2).run()

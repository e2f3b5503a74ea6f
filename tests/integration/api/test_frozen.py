"""A PostgreSQL that is frozen, whole, with every connection open: whoever asks is told so soon, and told right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

from tests.integration.api.stage import Stage, until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

SOON_S = 8.0
"""A statement may take 5 s, and the server a second to say that it took longer; the rest is a busy machine's."""
PAGE = "{ locks(first: 20) { nodes { name } } }"
ASKERS = 20


@contextmanager
def frozen(stage: Stage) -> Iterator[None]:
    """Stop PostgreSQL's clock: of the server, and of every process that serves a connection."""
    child = stage.stack.part("postgres").child
    assert child is not None
    postmaster = psutil.Process(child.pid)
    postmaster.suspend()  # first: it makes no new ones
    all_of_it = [postmaster, *postmaster.children(recursive=True)]
    for process in all_of_it:
        process.suspend()
    try:
        yield
    finally:
        for process in all_of_it:
            process.resume()


async def test_who_asks_a_frozen_postgresql_is_told_so_soon(stage: Stage) -> None:
    await stage.ask(PAGE)

    async def asked() -> tuple[float, str]:
        began = time.monotonic()
        answer = await stage.post(PAGE)
        return time.monotonic() - began, answer["errors"][0]["extensions"]["code"]

    with frozen(stage):
        told = await asyncio.gather(*(asked() for _ in range(ASKERS)))
        assert {code for _, code in told} == {"READS_UNAVAILABLE"}
        assert max(took for took, _ in told) < SOON_S
        later = await asyncio.gather(*(asked() for _ in range(ASKERS)))
        assert {code for _, code in later} == {"READS_UNAVAILABLE"}
        assert max(took for took, _ in later) < SOON_S

    async def answered() -> bool:
        return "errors" not in await stage.post(PAGE)

    await until(answered)

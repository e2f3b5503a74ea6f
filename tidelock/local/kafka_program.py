"""Find Kafka's class path: a remembered one, else fetched by `jars.py` in a child process with progress."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

from tidelock.local.child import shimmed
from tidelock.local.errors import DownloadFailed
from tidelock.local.jars import LOCK_FILE
from tidelock.local.java import JavaProgram
from tidelock.local.jvm_cache import cached
from tidelock.local.parts.part import Launch


class Progress(Protocol):
    """Hears about a download."""

    def step(self, done: int, total: int, name: str) -> None:
        """`done` of `total` files are here; `name` is the latest."""


async def find(home: Path, progress: Progress) -> JavaProgram:
    """Return Kafka as a Java program; raises DownloadFailed."""
    memory = home / "kafka" / "classpath.json"
    paths = _remembered(memory)
    if paths is None:
        paths = await _fetched(progress)
        memory.parent.mkdir(parents=True, exist_ok=True)
        entries = [[str(path), path.stat().st_size] for path in paths]
        memory.write_text(json.dumps({"lock": LOCK_FILE.read_text(), "jars": entries}))
    return cached(JavaProgram(paths))


def _remembered(memory: Path) -> tuple[Path, ...] | None:
    try:
        saved = json.loads(memory.read_text())
        if saved["lock"] != LOCK_FILE.read_text():
            return None
        entries = [(Path(path), size) for path, size in saved["jars"]]
        if any(path.stat().st_size != size for path, size in entries):
            return None
    except (FileNotFoundError, ValueError, KeyError):
        return None
    return tuple(path for path, _ in entries)


async def _fetched(progress: Progress) -> tuple[Path, ...]:
    last = "Kafka's jars"
    async for line in _lines():
        if "paths" in line:
            return tuple(Path(path) for path in line["paths"])
        if "error" in line:
            raise DownloadFailed(last, line["error"])
        last = line["name"]
        progress.step(line["done"], line["total"], line["name"])
    raise DownloadFailed(last, "the download ended without a result")


async def _lines() -> AsyncIterator[dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        *shimmed(Launch((sys.executable, "-m", "tidelock.local.jars"))), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            yield json.loads(line)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()

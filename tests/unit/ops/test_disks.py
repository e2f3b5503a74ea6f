"""A mount that hangs costs its own gauges, and nothing else: no look, no thread each, no process that does not end."""

import subprocess
import sys
import threading

from prometheus_client import REGISTRY

from streams.ops.disks import Disks

_HANGS = """
import asyncio, threading
from streams.ops.disks import Disks

disks = Disks(["/mnt"], 0.05, lambda _: threading.Event().wait())
asyncio.run(asyncio.to_thread(disks.observe))
"""


def used(path: str) -> float | None:
    return REGISTRY.get_sample_value("tidelock_disk_used_bytes", {"path": path})


def test_a_mount_that_hangs_is_asked_once_and_told_again_when_it_answers() -> None:
    asked, lets = list[str](), threading.Event()

    def ask(path: str) -> tuple[int, int]:
        asked.append(path)
        if path == "hung":
            lets.wait(30)
        return 3, 7

    disks = Disks(("hung", "fine", "hung"), 0.05, ask)
    for _ in range(3):
        disks.observe()
        assert (used("hung"), used("fine")) == (None, 3)
    assert asked.count("hung") == 1
    lets.set()
    waiting = Disks(("hung", "fine"), 30.0, ask)
    waiting._hung = disks._hung
    waiting.observe()
    assert used("hung") == 3
    waiting.observe()
    assert asked.count("hung") == 2


def test_a_process_ends_though_a_mount_hangs() -> None:
    ended = subprocess.run([sys.executable, "-c", _HANGS], timeout=30, capture_output=True, check=True)
    assert b"does not answer" in ended.stdout + ended.stderr

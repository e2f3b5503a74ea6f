"""No orphan after `kill -9` of the parent: by the kernel (PDEATHSIG) and, without it, by the watcher."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

PARENT = """
import asyncio, sys
from pathlib import Path
from tidelock.local.child import Child, Watcher
from tidelock.local.parts.part import Launch

async def main():
    watcher = Watcher()
    if {watched}:
        await watcher.start()
    program = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
    launch = Launch(program, death_signal={death})
    child = await Child.spawn(launch, Path({log!r}), watcher)
    while "up" not in Path({log!r}).read_text():  # the program itself, not the shim before it
        await asyncio.sleep(0.01)
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""


def _orphan(tmp_path: Path, *, watched: bool, death: int) -> psutil.Process:
    """Start a parent with a child, kill -9 the parent, return the child."""
    code = PARENT.format(watched=watched, death=death, log=str(tmp_path / "child.log"))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    return child


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux's")
def test_the_kernel_ends_the_child(tmp_path: Path) -> None:
    _, alive = psutil.wait_procs([_orphan(tmp_path, watched=False, death=9)], timeout=10)
    assert alive == []


def test_the_watcher_ends_the_child_where_the_kernel_does_not(tmp_path: Path) -> None:
    _, alive = psutil.wait_procs([_orphan(tmp_path, watched=True, death=0)], timeout=10)
    assert alive == []


def test_without_both_the_child_would_stay(tmp_path: Path) -> None:
    child = _orphan(tmp_path, watched=False, death=0)
    try:
        assert child.is_running()
    finally:
        child.kill()

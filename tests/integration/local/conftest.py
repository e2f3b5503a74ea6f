"""What the stack's integration tests share: processes of a stack, and `tidelock up` in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped, unused-ignore]
import pytest

UP = """
import asyncio, sys
from pathlib import Path
from tidelock.local.settings import StackSettings
from tidelock.local.up import up
parts = frozenset(sys.argv[2].split(","))
sys.exit(asyncio.run(up(StackSettings(home=Path(sys.argv[1]), workers=0, parts=parts, jvm_cache=False))))
"""
TIMEOUT_S = 60


class Up:
    """`tidelock up` as a child process."""

    def __init__(self, home: Path, parts: str) -> None:
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", UP, str(home), parts], stdout=subprocess.PIPE, text=True
        )

    def read_until(self, word: str) -> str:
        """Return what it printed up to the line with `word`."""
        assert self.process.stdout is not None
        text = ""
        for line in self.process.stdout:
            text += line
            if word in line:
                return text
        raise AssertionError(f"ended without saying {word!r}: {text}")

    def finish(self) -> tuple[int, str]:
        """Return its exit status and the rest of what it printed."""
        rest, _ = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, rest


Processes = list[psutil.Process]


def _processes_under(home: Path) -> Processes:
    """Return the processes of the stack in `home`, as its state file lists them, with their children."""
    parts = json.loads((home / "stack.json").read_text())["parts"]
    found: Processes = []
    for part in parts:
        process = psutil.Process(part["pid"])
        found += [process, *process.children(recursive=True)]
    return found


def _assert_all_end(processes: Processes) -> None:
    """Fail unless every process ends soon."""
    _, alive = psutil.wait_procs(processes, timeout=TIMEOUT_S)
    assert alive == []


@pytest.fixture
def processes_under() -> Callable[[Path], Processes]:
    """The processes of the stack in a directory, with their children."""
    return _processes_under


@pytest.fixture
def assert_all_end() -> Callable[[Processes], None]:
    """Fails unless every process ends soon."""
    return _assert_all_end


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[[str], Up]]:
    """Start `tidelock up` with some parts in the test's directory; whatever is left at the end is killed."""
    ups: list[Up] = []

    def start(parts: str) -> Up:
        ups.append(Up(tmp_path, parts))
        return ups[-1]

    yield start
    for one in ups:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()

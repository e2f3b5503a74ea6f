"""One stack a directory: an advisory lock that the kernel drops with its process, so it is never stale."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import IO

from tidelock.local.errors import StackLocked


class DirectoryLock:
    """An exclusive flock on `<home>/lock`; children do not inherit it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take it or raise StackLocked."""
        self._home.mkdir(parents=True, exist_ok=True)
        file = (self._home / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = holder(self._home)
            file.close()
            raise StackLocked(self._home, pid) from None
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give it back; harmless twice."""
        if self._file is not None:
            self._file.close()
            self._file = None


def is_held(home: Path) -> bool:
    """Say whether some process runs a stack in `home`."""
    try:
        with (home / "lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def holder(home: Path) -> int | None:
    """Return the process id written into the lock file."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int((home / "lock").read_text())
    return None

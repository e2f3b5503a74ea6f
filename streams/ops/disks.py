"""How full the disks are that a process sees. A mount that hangs holds up neither a look nor the process's end."""

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import structlog
from prometheus_client import Gauge

from streams.ops.gauges import stand

WITHIN_S: Final = 2.0
"""How long a look waits for file systems, all of them together."""
_LABELS = ("path",)
USED_PERCENT = Gauge(
    "tidelock_disk_used_percent", "Of what users may use of the file system of the path", _LABELS
)
USED = Gauge("tidelock_disk_used_bytes", "Bytes in use in the file system of the path", _LABELS)
FREE = Gauge("tidelock_disk_free_bytes", "Bytes that users may still use there", _LABELS)
Ask: TypeAlias = Callable[[str], tuple[int, int]]
"""Path -> bytes used and free. Raises `OSError`; may take for ever."""
_log = structlog.get_logger("tidelock.disks")


class _Asking:
    """One question, on a thread that the process's end does not wait for."""

    def __init__(self, path: str, ask: Ask) -> None:
        self.answer: tuple[int, int] | None = None
        """Bytes used, bytes free; None: there is no such path, or no answer yet."""
        self.over = threading.Event()
        threading.Thread(target=self._run, args=(path, ask), name=f"disk of {path}", daemon=True).start()

    def _run(self, path: str, ask: Ask) -> None:
        try:
            self.answer = ask(path)
        except OSError:
            self.answer = None
        finally:
            self.over.set()


def usage(path: str) -> tuple[int, int]:
    """Return how many bytes are used and free where the path is. Raises `OSError`; may take for ever."""
    found = shutil.disk_usage(path)
    return found.used, found.free


class Disks:
    """The file systems of some paths. A path whose last look is still under way is not looked at again."""

    def __init__(self, paths: Sequence[str], within_s: float = WITHIN_S, ask: Ask = usage) -> None:
        self._paths, self._within_s, self._ask = tuple(dict.fromkeys(paths)), within_s, ask
        self._hung: dict[str, _Asking] = {}

    def observe(self) -> None:
        """Set the gauges; of a path that is not there, or does not answer in time, none. On one thread at a time."""
        end_s = time.monotonic() + self._within_s
        asked = {path: self._hung.get(path) or _Asking(path, self._ask) for path in self._paths}
        found = {}
        for path, asking in asked.items():
            if asking.over.wait(max(0.0, end_s - time.monotonic())):
                self._hung.pop(path, None)
                if asking.answer is not None:
                    found[path,] = asking.answer
            else:
                self._hangs(path, asking)
        stand(USED, {path: used for path, (used, _) in found.items()})
        stand(FREE, {path: free for path, (_, free) in found.items()})
        stand(USED_PERCENT, {path: 100 * used / ((used + free) or 1) for path, (used, free) in found.items()})

    def _hangs(self, path: str, asking: _Asking) -> None:
        if path not in self._hung:
            _log.warning("a file system does not answer", path=path, within_s=self._within_s)
        self._hung[path] = asking

"""How full the disks are that a process sees."""

import shutil
from collections.abc import Sequence

from prometheus_client import Gauge

from streams.ops.gauges import stand

_LABELS = ("path",)
USED_PERCENT = Gauge(
    "tidelock_disk_used_percent", "Of what users may use of the file system of the path", _LABELS
)
USED = Gauge("tidelock_disk_used_bytes", "Bytes in use in the file system of the path", _LABELS)
FREE = Gauge("tidelock_disk_free_bytes", "Bytes that users may still use there", _LABELS)


def observe_disks(paths: Sequence[str]) -> None:
    """Set the gauges; of a path that is not there, none. May take as long as the file system does."""
    found = {}
    for path in paths:
        try:
            found[path,] = shutil.disk_usage(path)
        except OSError:
            continue
    stand(USED, {path: disk.used for path, disk in found.items()})
    stand(FREE, {path: disk.free for path, disk in found.items()})
    stand(
        USED_PERCENT, {path: 100 * disk.used / ((disk.used + disk.free) or 1) for path, disk in found.items()}
    )

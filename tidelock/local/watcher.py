"""The second line against orphans: a tiny process that outlives the stack by a moment.

It reads `+pid` and `-pid` lines from a pipe whose other end only the stack holds. End of file means that
the stack is gone, however it died; then every process group still on the list is killed. Needed where
there is no PDEATHSIG (macOS) and for what the parts' children start. Standard library only: run as a file
with `python -I -S`.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterable


def watch(lines: Iterable[str]) -> None:
    """Follow `lines` to their end, then kill the groups that are left."""
    groups: set[int] = set()
    for line in lines:
        number = int(line[1:])
        if line[0] == "+":
            groups.add(number)
        else:
            groups.discard(number)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(sys.stdin)

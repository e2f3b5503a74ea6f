"""What can go wrong with the local stack.

LocalStackError
 ├── StackLocked         another process runs a stack in this directory
 ├── BrokerCountChanged  the directory holds a Kafka cluster of another size
 ├── PartMissing         a program the part needs is not on this machine
 ├── DownloadFailed      Kafka's jars could not be fetched or are not the pinned ones
 └── PartFailed          a part did not become ready
      ├── PartTimedOut   ... within its time
      └── PortTaken      ... because another program took its port (the stack retries by itself)
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

_CURES = (
    ("No space left on device", "Free some disk space and start again."),
    ("Disk quota exceeded", "Free some disk space and start again."),
    ("insufficient memory", "Free some memory (Kafka alone needs about 400 MiB) and start again."),
    ("Cannot allocate memory", "Free some memory and start again."),
    ("OutOfMemoryError", "Free some memory and start again."),
    ("Permission denied", "Give this user the rights to the directory, or choose another with --home."),
    ("checksum", "The data looks damaged: move the part's directory away and start again."),
)


class LocalStackError(Exception):
    """Anything that keeps the local stack from running; `code` is stable, `cure` says what to do."""

    code: ClassVar[str] = "LOCAL_STACK"

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(f"{what} {cure}")
        self.what = what
        self.cure = cure


class StackLocked(LocalStackError):
    """Another process holds the directory."""

    code = "STACK_LOCKED"

    def __init__(self, home: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{home} is in use by {who}.",
            "Stop it, use what it runs, or choose another directory with --home.",
        )
        self.home = home
        self.pid = pid


class BrokerCountChanged(LocalStackError):
    """The directory was formatted for another number of brokers; a Kafka quorum is never resized blindly."""

    code = "BROKER_COUNT_CHANGED"

    def __init__(self, home: Path, have: int, wanted: int) -> None:
        super().__init__(
            f"{home} holds a Kafka cluster of {have} broker(s), and {wanted} were asked for.",
            f"Start with --brokers {have}, or choose another directory with --home.",
        )
        self.home = home
        self.have = have
        self.wanted = wanted


class PartMissing(LocalStackError):
    """A part's program is not on this machine."""

    code = "PART_MISSING"

    def __init__(self, part: str, what: str, cure: str) -> None:
        super().__init__(f"{part} cannot run here: {what}.", cure)
        self.part = part


class DownloadFailed(LocalStackError):
    """Kafka's jars are not to be had."""

    code = "DOWNLOAD_FAILED"

    def __init__(self, artifact: str, why: str) -> None:
        super().__init__(
            f"Could not fetch {artifact}: {why}.",
            "Check the network (the first start downloads 45 MB), or set TIDELOCK_KAFKA to a running Kafka.",
        )
        self.artifact = artifact
        self.why = why


class PartFailed(LocalStackError):
    """A part's program ended before it was ready."""

    code = "PART_FAILED"

    def __init__(self, part: str, why: str, log: Path, tail: tuple[str, ...]) -> None:
        shown = "".join(f"\n    {line}" for line in tail)
        super().__init__(f"{part} {why}. Its log {log} ends with:{shown}\n ", _cure(tail, log))
        self.part = part
        self.log = log
        self.tail = tail


class PartTimedOut(PartFailed):
    """A part's program runs, but did not become ready in its time."""

    code = "PART_TIMED_OUT"


class PortTaken(PartFailed):
    """Another program took the port between our choice and the part's bind."""

    code = "PORT_TAKEN"


def _cure(tail: tuple[str, ...], log: Path) -> str:
    text = "\n".join(tail)
    for sign, cure in _CURES:
        if sign in text:
            return cure
    return f"See {log} for the cause, then start again."

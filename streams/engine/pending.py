"""A command on its way to its decision."""

from typing import Any

from schemas.meta import CommandMeta
from streams.domain.decider import Rejected, Requester
from streams.engine.ports import ReplyTo
from streams.log.records import Lane


class Pending:
    """One decoded command, who asked, and where the answer goes. Not a value: queues hold it by identity."""

    __slots__ = (
        "arrived_s",
        "command",
        "hash",
        "key",
        "lane",
        "meta",
        "meta_bytes",
        "offset",
        "raw",
        "refusal",
        "reply_to",
        "size",
        "who",
    )

    def __init__(
        self,
        lane: Lane,
        meta: CommandMeta,
        command: Any,
        key: str,
        who: Requester,
        hash: bytes,  # noqa: A002 - the log's own name for it
        size: int,
        reply_to: ReplyTo | None = None,
    ) -> None:
        self.lane = lane
        self.meta = meta
        self.command = command
        self.key = key
        self.who = who
        self.hash = hash
        self.size = size
        self.reply_to = reply_to
        self.arrived_s: float | None = None
        """When its bytes came, by `time.monotonic`: for what is measured, nothing is decided by it. None: not known."""
        self.refusal: Rejected | None = None
        """Set when the command must be refused before its kind sees it."""
        self.offset = -1
        self.meta_bytes = b""
        """The encoded meta; empty: encode `meta`."""
        self.raw = b""
        """The stored bytes, of a command from the topic lane."""


NOBODY = CommandMeta(
    floor=0,
    tenant="",
    client="",
    sequence=0,
    handle="",
    issued_ms=0,
    deadline_ms=0,
    traceparent=None,
    session=None,
)

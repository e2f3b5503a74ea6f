"""Records for specs of the log: a chain that is right, to be bent in one place at a time."""

from dataclasses import replace
from typing import Any

from schemas.meta import CommandMeta
from streams.log.accept import LogHead, VoidReason
from streams.log.envelope import encode
from streams.log.records import Claim, Commit, FeatureActivated, Genesis, LoggedDecision, Record, Source

A = b"A" * 16
B = b"B" * 16
GENESIS = Genesis(b"i" * 16, 1, "locks", 0, 4, 1_700_000_000_000)


def claim(owner: bytes = A, max_level: int = 1) -> Claim:
    return Claim(owner, "127.0.0.1:7400", "0.1.0", max_level)


META = CommandMeta(0, "dev", "c1", 1, "", 0, 2**50)
PLAIN = LoggedDecision("DIRECT", "app", META, b"h" * 16, "X", "dev/k", False, (), b"")


def decision(**changed: Any) -> LoggedDecision:
    """A decision with something changed, in itself or in its command's meta."""
    return with_changes(PLAIN, **changed)


def with_changes(plain: LoggedDecision, **changed: Any) -> LoggedDecision:
    of_meta = {name: changed.pop(name) for name in CommandMeta.__dataclass_fields__ if name in changed}
    return replace(plain, meta=replace(plain.meta, **of_meta), **changed)


class Chain:
    """A log under construction: `commit()` makes the next right record, `offer` has it judged."""

    def __init__(self) -> None:
        self.head = LogHead()
        self.offset = 0

    def offer(self, record: Record | None, stored: bytes | None = None) -> VoidReason | None:
        data = stored if stored is not None else b"?" if record is None else encode(record)
        reason = self.head.accept(self.offset, record, data)
        self.offset += 1
        return reason

    def begun(self, max_level: int = 1) -> "Chain":
        assert self.offer(GENESIS) is None
        assert self.offer(claim(max_level=max_level)) is None
        return self

    def commit(self, **changed: Any) -> Commit:
        owner = A if self.head.claim is None else self.head.claim.owner
        right = Commit(owner, self.head.head, self.head.n + 1, 0, 0, self.head.active, None, (decision(),))
        return replace(right, **changed)

    def feature(self, level: int, **changed: Any) -> FeatureActivated:
        owner = A if self.head.claim is None else self.head.claim.owner
        return replace(FeatureActivated(owner, self.head.head, level), **changed)


def source(first: int, last: int) -> Source:
    return Source(first, last, b"s" * 32)

"""THE accept rule: which records of a log count. Used by every reader, reimplemented by nobody.

Kafka has no conditional append; the hash chain is the compare-and-swap, judged by every reader in log order.
A void record is counted by reason; it is never an error and never folded, not even partly.
"""

from typing import Literal, TypeAlias

from streams.log.chain import EMPTY_HEAD, link
from streams.log.records import MAX_DECISIONS, Claim, Commit, FeatureActivated, Genesis, Record

VoidReason: TypeAlias = Literal[
    "malformed",
    "genesis_not_first",
    "no_genesis",
    "claim_level",
    "foreign_owner",
    "broken_chain",
    "sequence",
    "level",
    "source_gap",
    "too_large",
]


class LogHead:
    """What the accept rule knows after a prefix of the log. Mutable; `copy` before speculating."""

    __slots__ = (
        "active",
        "claim",
        "claims",
        "decisions",
        "genesis",
        "head",
        "last_source",
        "n",
        "source_hash",
    )

    def __init__(self) -> None:
        self.head = EMPTY_HEAD
        self.n = 0
        self.last_source = -1
        self.source_hash = b""
        self.active = 1
        self.claim: Claim | None = None
        self.claims = 0
        self.decisions = 0
        self.genesis: Genesis | None = None

    def copy(self) -> "LogHead":
        """Return an independent copy."""
        other = LogHead()
        for slot in LogHead.__slots__:
            setattr(other, slot, getattr(self, slot))
        return other

    def accept(self, offset: int, record: Record | None, stored: bytes) -> VoidReason | None:
        """Judge the record at `offset`, whose value bytes are `stored`. None: accepted, and the head moved on."""
        reason = self._judge(offset, record)
        if reason is None:
            self.head = link(self.head, stored)
        return reason

    def _judge(self, offset: int, record: Record | None) -> VoidReason | None:
        match record:
            case Commit():
                return self._commit(record)
            case Claim():
                return self._claim(record)
            case FeatureActivated():
                return self._feature(record)
            case Genesis():
                if offset != 0:
                    return "genesis_not_first"
                self.genesis = record
                return None
            case None:
                return "malformed"

    def _claim(self, claim: Claim) -> VoidReason | None:
        if self.genesis is None:
            return "no_genesis"
        if claim.max_level < self.active:
            return "claim_level"
        self.claim = claim
        self.claims += 1
        return None

    def _feature(self, feature: FeatureActivated) -> VoidReason | None:
        if self.claim is None or feature.owner != self.claim.owner:
            return "foreign_owner"
        if feature.prev != self.head:
            return "broken_chain"
        if not self.active < feature.level <= self.claim.max_level:
            return "level"
        self.active = feature.level
        return None

    def _commit(self, commit: Commit) -> VoidReason | None:
        if self.claim is None or commit.owner != self.claim.owner:
            return "foreign_owner"
        if commit.prev != self.head:
            return "broken_chain"
        if commit.seq != self.n + 1:
            return "sequence"
        if commit.level != self.active:
            return "level"
        if len(commit.decisions) > MAX_DECISIONS:
            return "too_large"
        source = commit.source
        if source is not None:
            if source.first != self.last_source + 1 or source.last < source.first:
                return "source_gap"
            self.last_source = source.last
            self.source_hash = source.hash
        self.n += 1
        self.decisions += len(commit.decisions)
        return None

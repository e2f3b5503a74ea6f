"""The four record types of a log, and how they stand in Kafka. These envelopes never change.

`decode` returns None for bytes that are none of the four: such a record is void for every reader.
"""

from typing import Literal, TypeAlias

from streams.domain.value import value

Lane: TypeAlias = Literal["DIRECT", "TOPIC", "TIMER", "ENGINE"]

MAX_DECISIONS = 500
MAX_COMMIT_BYTES = 512 * 1024
MAX_COMMAND_BYTES = 400 * 1024


@value
class Genesis:
    """Record 0: what this log is. A worker refuses a log that does not match its settings."""

    log_id: bytes
    generation: int
    kind: str
    partition: int
    partitions: int
    created_ms: int


@value
class Claim:
    """From here on only the commits of `owner` count."""

    owner: bytes
    address: str
    code_version: str
    max_level: int


@value
class FeatureActivated:
    """Behaviour switches to `level` here, for everyone."""

    owner: bytes
    prev: bytes
    level: int


@value
class Source:
    """Which records of the commands topic a commit decided: offsets, and SHA-256 of the last one's bytes."""

    first: int
    last: int
    hash: bytes


@value
class LoggedDecision:
    """One decision as it stands in a commit: who asked for what, what happened, what was answered."""

    lane: Lane
    tenant: str
    principal: str
    client: str
    sequence: int
    handle: str
    traceparent: str | None
    session: str | None
    hash: bytes
    deadline_ms: int
    floor: int
    command: str
    key: str
    waiting: bool
    events: tuple[bytes, ...]
    reply: bytes


@value
class Commit:
    """One atomic, bounded group of decisions."""

    owner: bytes
    prev: bytes
    seq: int
    lease_ms: int
    mark_ms: int
    level: int
    source: Source | None
    decisions: tuple[LoggedDecision, ...]


Record: TypeAlias = Genesis | Claim | FeatureActivated | Commit

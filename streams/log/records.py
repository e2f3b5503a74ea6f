"""The four record types of a log. These envelopes never change."""

from typing import Literal, TypeAlias

from schemas.meta import CommandMeta
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
    principal: str
    meta: CommandMeta
    hash: bytes
    command: str
    key: str
    waiting: bool
    events: tuple[bytes, ...]
    reply: bytes

    @property
    def tenant(self) -> str:
        """Whose resources it concerns."""
        return self.meta.tenant

    @property
    def client(self) -> str:
        """Which client asked."""
        return self.meta.client

    @property
    def sequence(self) -> int:
        """The command's place among its client's commands."""
        return self.meta.sequence

    @property
    def handle(self) -> str:
        """Which of the client's handles asked."""
        return self.meta.handle

    @property
    def deadline_ms(self) -> int:
        """Wall time after which it could not be decided any more."""
        return self.meta.deadline_ms

    @property
    def floor(self) -> int:
        """Every sequence of the client below it is answered and done."""
        return self.meta.floor


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

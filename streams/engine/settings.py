"""What an owner may be told: bounds and paces. Units are in the names."""

from streams.domain.value import value
from streams.log.reader import MAX_LEVEL
from streams.log.release import RELEASE


@value
class OwnerSettings:
    """Settings of one partition's owner; the defaults are the design's."""

    address: str
    """Advertised address of the direct lane."""
    partitions: int
    generation: int = 1
    log_id: bytes | None = None
    """Refuse a log with another id; None: whatever the log says, but never a change while this process lives."""
    code_version: str = RELEASE
    max_level: int = MAX_LEVEL
    max_queued: int = 8192
    """Commands of the direct lane that may wait for their decision; what is in flight comes on top."""
    max_queued_bytes: int = 32 * 1024 * 1024
    """Bytes that they may take, and again those that the topic lane reads ahead."""
    max_in_flight: int = 2
    first_commit: int = 64
    """How many decisions a commit takes while none is in flight."""
    tick_ms: int = 200
    """While a deadline is pending, lease time moves at least this often."""
    idle_commit_ms: int = 5000
    """While a deadline is pending, a commit is made at least this often."""
    coalesce_ms: int = 250
    max_skew_ms: int = 5 * 60_000
    skew_pause_ms: int = 60_000
    """After a claim that found the clocks apart, the next measurement, which is a claim, is so far off at least."""
    claim_pause_s: tuple[float, float] = (0.05, 0.5)
    """Random pause of a fenced owner that is still assigned, before it claims again."""
    retry_pause_s: tuple[float, float] = (0.1, 1.0)
    quarantine_after: int = 3

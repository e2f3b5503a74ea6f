"""Where a reader of one partition's log stands, with all that THE accept rule needs to go on from there.

Whoever keeps state keeps its checkpoint beside it, written together: reading on from there is exact.
"""

from functools import cache

from schemas.messages import Messages, bind
from streams.domain.value import value
from streams.log.accept import LogHead
from streams.log.chain import EMPTY_HEAD
from streams.log.records import Claim, Genesis


@value
class Checkpoint:
    """A place between two records of one partition's log."""

    next_offset: int
    head: bytes
    n: int
    last_source: int
    source_hash: bytes
    active: int
    claims: int
    decisions: int
    events: int
    """How many events came before: the next one's number is one more."""
    time_ms: int
    """The greatest append timestamp so far: event time, which never goes back within a partition."""
    lease_ms: int
    mark_ms: int
    genesis: Genesis | None
    claim: Claim | None


START = Checkpoint(0, EMPTY_HEAD, 0, -1, b"", 1, 0, 0, 0, 0, 0, 0, None, None)
"""Before the first record."""


@cache
def _checkpoints() -> Messages:
    """Return their codec, made when it is first needed: most who read logs store none."""
    return bind("reading", (Checkpoint,))


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the single-object encoding, to be stored beside the state."""
    return _checkpoints().encode(checkpoint)


def decode_checkpoint(stored: bytes) -> Checkpoint:
    """Return what `encode_checkpoint` stored. Raises `SchemaError`."""
    checkpoint: Checkpoint = _checkpoints().decode(stored)
    return checkpoint


def head_at(checkpoint: Checkpoint) -> LogHead:
    """Return the accept rule's knowledge at `checkpoint`."""
    head = LogHead()
    head.head, head.n, head.active = checkpoint.head, checkpoint.n, checkpoint.active
    head.last_source, head.source_hash = checkpoint.last_source, checkpoint.source_hash
    head.claims, head.decisions = checkpoint.claims, checkpoint.decisions
    head.genesis, head.claim = checkpoint.genesis, checkpoint.claim
    return head

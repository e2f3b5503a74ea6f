"""What the projector's lanes are told: bounds and paces. Units are in the names."""

from streams.domain.value import value


@value
class LaneSettings:
    """Settings of every lane and tail of one process."""

    ring_bytes: int = 16 * 1024 * 1024
    """Stored bytes of the newest records that may wait for their lanes, over all partitions."""
    stretch_bytes: int = 128 * 1024
    """A stretch is judged, and folded, in one go: some 500 decisions, a few milliseconds."""
    unwritten: int = 8000
    """Decisions that a lane may have folded beyond those under way to the store."""
    pace_s: float = 0.04
    """Between the beginnings of two writes of a lane that keeps up: a transaction costs much the same for more rows."""
    ahead: int = 2000
    """A lane that is so many records further than its partition's tail has the tail come to it."""
    patience_s: float = 5.0
    """A lane that does not move for so long is not waited for any more."""
    hand_over_s: float = 2.0
    """How long a write under way may take while the partition is given away; the checkpoint guards the rest."""
    retries: int = 3
    """How often what was refused is tried again, with growing pauses, before its cause is looked for."""
    build_decisions_per_s: int = 0
    """How fast builds are made beside the live ones, all those of the process together; 0: as fast as it goes."""
    beside: bool = False
    """Whether only those read models are kept whose version this release raises: projectors of the release before
    keep what is there."""
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0
    look_s: float = 1.0
    """How often a lane's checkpoint is compared with the stored one, which `rebuild` resets."""
    log_look_s: float = 20.0
    """How often a lane sees whether its log is still the one that it reads."""
    mirror_look_s: float = 10.0
    """How often an idle hot copy is looked at: it may have been flushed."""
    mirror_pause_s: float = 1.0
    """Between two whole replacements of a hot copy."""

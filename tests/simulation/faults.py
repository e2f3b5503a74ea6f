"""The swarm: which faults one history suffers, and how often; a random subset, drawn from its seed."""

from dataclasses import dataclass, fields
from random import Random


@dataclass(slots=True)
class Faults:
    """Rates: per action (`p_`), or per simulated second (`r_`). Zero: this history does not know the fault."""

    # the log
    p_slow_produce: float = 0.0
    p_lost_produce: float = 0.0
    p_gap: float = 0.0
    p_lost_ack: float = 0.0
    p_late_landing: float = 0.0
    p_duplicate_record: float = 0.0
    p_read_error: float = 0.0
    p_letter_failure: float = 0.0
    """A dead letter cannot be written now."""
    p_close_failure: float = 0.0
    """Closing a writer raises, which ends the owner's task."""
    r_foreign_garbage: float = 0.0
    r_near_miss: float = 0.0
    r_foreign_claim: float = 0.0
    r_replayed_record: float = 0.0
    # processes
    r_crash: float = 0.0
    p_crash_at_step: float = 0.0
    r_freeze: float = 0.0
    r_flap: float = 0.0
    r_two_owners: float = 0.0
    p_old_version: float = 0.0
    r_activate: float = 0.0
    """An operator asks an owner to activate a feature level, one that it knows or not."""
    p_code_failure: float = 0.0
    p_huge_decision: float = 0.0
    """A kind decides more on a command than a commit holds, whoever decides it."""
    p_start_failure: float = 0.0
    """An owner cannot even be made."""
    p_late_news: float = 0.0
    """A worker hears late of a new assignment."""
    # clocks
    p_worker_skew: float = 0.0
    r_broker_skew: float = 0.0
    p_client_drift: float = 0.0
    r_client_clock_step: float = 0.0
    # the network and clients
    p_net_drop: float = 0.0
    """A connection falls silent (at a tenth of this a write)."""
    p_net_duplicate: float = 0.0
    """A client sends a command twice."""
    p_net_cut: float = 0.0
    """What is written in one piece arrives in two."""
    p_net_delay: float = 0.0
    r_disconnect: float = 0.0
    r_client_freeze: float = 0.0
    p_reused_sequence: float = 0.0
    p_odd_deadline: float = 0.0
    p_far_deadline: float = 0.0
    """A command names a deadline that is too far ahead to be accepted."""
    p_late_repeat: float = 0.0
    p_topic_lane: float = 0.0
    p_undecodable: float = 0.0
    p_wrong_partition: float = 0.0

    def none(self) -> None:
        """End all faults, in place."""
        for field in fields(self):
            setattr(self, field.name, 0.0)


_RANGES: dict[str, tuple[float, float]] = {
    "p_slow_produce": (0.02, 0.3),
    "p_lost_produce": (0.01, 0.15),
    "p_gap": (0.01, 0.1),
    "p_lost_ack": (0.01, 0.15),
    "p_late_landing": (0.01, 0.15),
    "p_duplicate_record": (0.02, 0.2),
    "p_read_error": (0.01, 0.1),
    "p_letter_failure": (0.1, 0.6),
    "p_close_failure": (0.1, 0.5),
    "r_foreign_garbage": (0.2, 2.0),
    "r_near_miss": (0.2, 3.0),
    "r_foreign_claim": (0.05, 0.3),
    "r_replayed_record": (0.1, 1.0),
    "r_crash": (0.05, 0.3),
    "p_crash_at_step": (0.5, 1.0),
    "r_freeze": (0.05, 0.4),
    "r_flap": (0.05, 0.5),
    "r_two_owners": (0.05, 0.5),
    "p_old_version": (0.2, 0.6),
    "r_activate": (0.2, 3.0),
    "p_code_failure": (0.01, 0.1),
    "p_huge_decision": (0.01, 0.05),
    "p_start_failure": (0.1, 0.5),
    "p_late_news": (0.1, 0.6),
    "p_worker_skew": (0.2, 0.8),
    "r_broker_skew": (0.05, 0.3),
    "p_client_drift": (0.5, 1.0),
    "r_client_clock_step": (0.1, 1.0),
    "p_net_drop": (0.02, 0.3),
    "p_net_duplicate": (0.02, 0.3),
    "p_net_cut": (0.05, 0.5),
    "p_net_delay": (0.02, 0.3),
    "r_disconnect": (0.1, 0.6),
    "r_client_freeze": (0.05, 0.3),
    "p_reused_sequence": (0.02, 0.1),
    "p_odd_deadline": (0.02, 0.15),
    "p_far_deadline": (0.02, 0.2),
    "p_late_repeat": (0.02, 0.2),
    "p_topic_lane": (0.2, 1.0),
    "p_undecodable": (0.05, 0.3),
    "p_wrong_partition": (0.02, 0.15),
}


def draw(random: Random) -> Faults:
    """Return a random subset of three to eighteen fault kinds at random rates."""
    faults = Faults()
    for name in random.sample(sorted(_RANGES), random.randint(3, 18)):
        low, high = _RANGES[name]
        setattr(faults, name, low + (high - low) * random.random() ** 2)
    return faults

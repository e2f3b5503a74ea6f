"""One answer per command: what the engine checks before a kind decides, in the order the design fixes."""

from enum import Enum

from streams.domain.decider import Rejected
from streams.domain.session import SESSION_ENDED
from streams.engine.pending import Pending
from streams.log.answers import FAR_MS, MAX_FAR_CLIENTS, StoredAnswer
from streams.log.fold import PartitionState
from streams.wire.keys import key_of

MAX_VALIDITY_MS = 5 * 60_000
MAX_AHEAD_MS = FAR_MS

FORGOTTEN = (
    f" Over {MAX_FAR_CLIENTS} clients of this principal named such deadlines: this refusal is not remembered. "
    "A copy of the command that arrives within 10 minutes of its deadline would be decided."
)
"""What a refusal says in addition when no more of its kind can be remembered."""


class Verdict(Enum):
    """What to do with a command."""

    DECIDE = "decide"
    REPEAT = "repeat"
    """Answer, decide nothing, remember nothing (on the topic lane a refusal is logged)."""
    REFUSE = "refuse"
    """Log a rejection."""
    REFUSE_AND_RAISE_FLOOR = "refuse and raise the floor"


def admit(
    pending: Pending, state: PartitionState, mark_ms: int, *, deduplicated: bool
) -> tuple[Verdict, StoredAnswer | Rejected | None]:
    """Judge `pending` against the answers so far and the mark of the commit that would decide it."""
    meta = pending.meta
    if deduplicated:
        known = _known(pending, state)
        if known is not None:
            return Verdict.REPEAT, known
    if meta.deadline_ms - meta.issued_ms > MAX_VALIDITY_MS or meta.deadline_ms > mark_ms + MAX_AHEAD_MS:
        far = deduplicated and meta.deadline_ms > mark_ms + MAX_AHEAD_MS
        if far and not state.answers.has_room_for_far((pending.who.principal, meta.client)):
            return Verdict.REPEAT, _too_far(mark_ms, FORGOTTEN)
        return Verdict.REFUSE_AND_RAISE_FLOOR, _too_far(mark_ms)
    if meta.deadline_ms <= mark_ms:
        return Verdict.REFUSE, Rejected(
            "EXPIRED",
            f"The deadline {meta.deadline_ms} is past (mark {mark_ms}). If you sent this command before, its outcome "
            "is unknown: look at the resource, then decide whether to ask again.",
        )
    if pending.refusal is not None:
        return Verdict.REFUSE, pending.refusal
    if meta.session is not None and key_of(meta.tenant, meta.session) in state.ended_sessions:
        return Verdict.REFUSE, SESSION_ENDED
    return Verdict.DECIDE, None


def _too_far(mark_ms: int, more: str = "") -> Rejected:
    return Rejected(
        "DEADLINE_TOO_FAR",
        "The deadline is over 5 minutes after the issue time, or over 10 minutes ahead of the partition's mark "
        f"({mark_ms}). Take 'now' from the hello answer and ask again with a new sequence.{more}",
    )


def _known(pending: Pending, state: PartitionState) -> StoredAnswer | Rejected | None:
    meta = pending.meta
    entry = state.answers.clients.get((pending.who.principal, meta.client))
    if entry is None:
        return None
    if meta.sequence < entry.floor:
        return Rejected(
            "STALE",
            f"Sequence {meta.sequence} is below the client's floor {entry.floor}: it was answered and done. "
            "Ask with a new sequence.",
        )
    stored = entry.answers.get(meta.sequence)
    if stored is None:
        return None
    if stored.hash != pending.hash:
        return Rejected(
            "SEQUENCE_REUSED",
            f"Sequence {meta.sequence} was already used for another command. Give every command its own sequence.",
        )
    return stored

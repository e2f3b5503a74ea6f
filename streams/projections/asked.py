"""What clients asked, and what was refused at once, as windows count it."""

from typing import Final

from schemas.catalogue import HEADER
from streams.domain.decider import Rejected
from streams.log.records import LoggedDecision
from streams.log.vocabulary import Vocabulary
from streams.projections.measures import Counts

_LANES: Final = frozenset(("DIRECT", "TOPIC"))


class Asked:
    """Tells clients' commands from what processes, time and the engine do."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._rejected = vocabulary.encode_reply(Rejected("", ""))[:HEADER]

    def is_command(self, decision: LoggedDecision) -> bool:
        """Return whether somebody asked for it."""
        return decision.lane in _LANES

    def is_rejected(self, decision: LoggedDecision) -> bool:
        """Return whether it was refused."""
        return decision.reply[:HEADER] == self._rejected

    def count(self, counts: Counts, decision: LoggedDecision) -> bool:
        """Count a client's command as `commands`, and as `rejected`; return whether it was."""
        counts.numbers["commands"] += 1
        rejected = self.is_rejected(decision)
        if rejected:
            counts.numbers["rejected"] += 1
        return rejected

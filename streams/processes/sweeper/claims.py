"""Instances whose session is not known to be live: forged, ended, or its registration is not read yet. Pure.

A session's token is the number of the event that issued it, in its node's partition, its home. So a claim is judged
when that event is read there; one to a token that is yet to be given waits, too.
"""

from collections.abc import Callable

from streams.domain.nodes.names import token_of
from streams.domain.value import value
from streams.log.positions import PartitionId

MAX_CLAIMS = 10_000
"""So many are remembered; then the oldest is forgotten: its instance stays until the next start finds it."""


@value
class Claim:
    """An instance that was registered in a partition, and under which session."""

    where: PartitionId
    session: str
    home: PartitionId
    """The partition that would have issued it."""
    service: str
    instance: str


class Claims:
    """Claims that are not judged yet."""

    def __init__(self) -> None:
        self._open: dict[Claim, None] = {}
        self._under: dict[tuple[PartitionId, str], set[Claim]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def make(self, claim: Claim) -> None:
        """A session that is not known was named."""
        self._open[claim] = None
        self._under.setdefault((claim.where, claim.session), set()).add(claim)
        if len(self._open) > MAX_CLAIMS:
            self._forget(next(iter(self._open)))

    def drop(self, where: PartitionId, session: str) -> None:
        """The partition has ended the session: nothing is offered under it there. None is fine."""
        for claim in self._under.pop((where, session), ()):
            del self._open[claim]

    def judge(
        self, is_current: Callable[[PartitionId], bool], last_token: Callable[[PartitionId], int]
    ) -> list[Claim]:
        """Return, once, the claims to what is issued by now or never will be.

        Not before the claim's own partition is read to where it stood: it may have ended the session long ago.
        """
        judged = [
            claim
            for claim in self._open
            if is_current(claim.where) and token_of(claim.session) <= last_token(claim.home)
        ]
        for claim in judged:
            self._forget(claim)
        return judged

    def _forget(self, claim: Claim) -> None:
        del self._open[claim]
        place = (claim.where, claim.session)
        self._under[place].discard(claim)
        if not self._under[place]:
            del self._under[place]

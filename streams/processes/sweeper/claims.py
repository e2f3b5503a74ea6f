"""Instances whose session is not known to be live: forged, ended, or its registration is not read yet. Pure.

A session's token is the number of the event that issued it, in its node's partition, its home. So a claim is judged
when that event is read there. A forger may name a token that is yet to be given: to end that would end some node's
next session, so such a claim waits, too.
"""

from collections.abc import Callable

from streams.domain.nodes.names import token_of
from streams.domain.value import value
from streams.log.positions import PartitionId

MAX_CLAIMS = 10_000
"""So many are remembered; then the oldest is forgotten: its instance stays until the next start finds it."""


@value
class Claim:
    """A session that an instance was registered under in a partition."""

    where: PartitionId
    session: str
    home: PartitionId
    """The partition that would have issued it."""


class Claims:
    """Claims that are not judged yet."""

    def __init__(self) -> None:
        self._open: dict[Claim, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def make(self, claim: Claim) -> None:
        """A session that is not known was named."""
        self._open[claim] = None
        if len(self._open) > MAX_CLAIMS:
            del self._open[next(iter(self._open))]

    def drop(self, claim: Claim) -> None:
        """The partition has ended the session. None of it is fine."""
        self._open.pop(claim, None)

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
            del self._open[claim]
        return judged

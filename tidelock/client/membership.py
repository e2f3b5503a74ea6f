"""One session of the client's node, and until when the client may count on it.

Whoever holds something on its behalf trusts it no longer than the session: a verdict that the node is dead ends both.
Must not know how the session came about, nor who holds what.
"""

from collections.abc import Callable

from streams.domain.decider import Rejected
from tidelock.client.partition import TRUST


class Membership:
    """One session. Local times are seconds of the client's `Clock`."""

    __slots__ = ("_heard_s", "_timeout_ms", "is_over", "on_end", "session")

    def __init__(self, session: str, timeout_ms: int, on_end: Callable[[str], None] | None = None) -> None:
        """`on_end` is told why the session ended, once."""
        self.session = session
        self.on_end = on_end
        self.is_over = False
        self._timeout_ms = timeout_ms
        self._heard_s = float("-inf")

    def heard(self, before_s: float) -> None:
        """Learn that the node was heard after local time `before_s`: just before an answered heartbeat was first sent.

        The node dies `timeout_ms` of lease time after that commit. Lease time never runs faster than real time, and
        clocks differ by less than 1 %: it is alive until `before_s + 0.99 * timeout_ms`, the client's rule for leases.
        """
        self._heard_s = max(self._heard_s, before_s)

    def trusted_until(self) -> float:
        """Return the local time until which the session has not ended by silence for certain."""
        return float("-inf") if self.is_over else self._heard_s + TRUST * self._timeout_ms / 1000

    def is_named_by(self, refused: Rejected) -> bool:
        """Say whether the refusal is about this session: it names none, or this one (cut short if it is long)."""
        named = next((text for name, text in refused.details if name == "session"), "")
        return self.session.startswith(named)

    def end(self, why: str) -> None:
        """Trust nothing any more that is held on its behalf."""
        if self.is_over:
            return
        self.is_over = True
        if self.on_end is not None:
            self.on_end(why)

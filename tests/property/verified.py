"""What the verifier would say of decisions that never were in a log: fed by the worlds of properties."""

from collections.abc import Iterable
from typing import Any

from schemas.meta import CommandMeta
from streams.domain.decider import Requester
from streams.domain.session import SessionGone
from streams.log.records import LoggedDecision
from streams.replay.invariants import Invariants
from streams.wire.messages import SessionEnded


class Verified:
    """A kind's checks, and what they complained of."""

    def __init__(self, checks: Invariants) -> None:
        self.checks = checks
        self.complaints: list[tuple[str, str]] = []

    def tell(
        self, name: str, command: Any, who: Requester, lease_ms: int, first: int, events: Iterable[Any],
        reply: Any = None, *, waiting: bool = False,
    ) -> None:  # fmt: skip
        """One decision; `first` is the number of its first event."""
        meta = CommandMeta(1, "dev", who.client, who.sequence, "", 0, 0, session=who.session or None)
        decision = LoggedDecision(
            "DIRECT", who.principal, meta, b"", type(command).__name__, f"dev/{name}", waiting, (), b""
        )
        if isinstance(command, SessionGone):
            self.checks.event(0, SessionEnded(command.session, 0, ""), decision, lease_ms, self._complain)
        for number, event in enumerate(events, first):
            self.checks.event(number, event, decision, lease_ms, self._complain)
        if reply is not None:
            self.checks.reply(reply, decision, self._complain)

    def _complain(self, code: str, what: str) -> None:
        self.complaints.append((code, what))

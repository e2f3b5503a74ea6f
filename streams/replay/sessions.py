"""Which sessions a partition has been told are over, from its log alone."""

from typing import Any

from streams.log.records import LoggedDecision
from streams.wire.messages import SessionEnded


class EndedSessions:
    """Sessions by tenant, with the wall mark from which on the partition may forget each."""

    def __init__(self) -> None:
        self._until_ms: dict[tuple[str, str], int] = {}

    def event(self, event: Any, decision: LoggedDecision) -> None:
        """Remember the end of a session."""
        if isinstance(event, SessionEnded):
            self._until_ms[decision.tenant, event.session] = event.forget_after_ms

    def was_told(self, tenant: str, session: str) -> bool:
        """Say whether the session's end has been told here at some time."""
        return (tenant, session) in self._until_ms

    def refuses(self, decision: LoggedDecision) -> bool:
        """Say whether the command's session was over for certain when it was decided.

        Its deadline was ahead of the mark then: if it is not past the time to forget, nothing was forgotten.
        """
        session = decision.meta.session
        if session is None or not self._until_ms:
            return False
        return decision.meta.deadline_ms <= self._until_ms.get((decision.tenant, session), -1)

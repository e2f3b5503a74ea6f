"""What the end of a session took along in one partition of any kind, from its log alone. Pure.

The end has one cause text in all partitions (`SILENT 281474976710660`: why, and the id of the event that ended it), and
whatever a key lets go of names that cause or the session.
"""

from collections import Counter
from dataclasses import fields, is_dataclass
from typing import Any, Final

from schemas.errors import SchemaError
from streams.domain.session import SessionGone
from streams.domain.value import value
from streams.log.accepted import AcceptedCommit
from streams.log.positions import Position
from streams.log.reader import UnknownEvent
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import SessionEnded

MOST: Final = 20
"""Keys that are kept by name."""


@value
class Loss:
    """A key that let go of something."""

    position: Position
    time_ms: int
    """When its commit was appended."""
    name: str
    events: tuple[str, ...]
    """Types of what happened, in order."""


class Losses:
    """One session in one partition."""

    def __init__(self, tenant: str, session: str, words: Vocabulary) -> None:
        self.told: tuple[Position, int] | None = None
        """Where, and when, the partition was told."""
        self.cause = ""
        self.first: list[Loss] = []
        self.counts: Counter[str] = Counter()
        """Events of what was let go, by type."""
        self.keys = 0
        self.last_ms = 0
        """When the last key let go."""
        self._tenant = tenant
        self._session = session
        self._words = words

    def commit(self, accepted: AcceptedCommit) -> None:
        """Take the next commit that counts. Raises `UnknownEvent` if it cannot be read."""
        try:
            for decided in accepted.decided:
                decision = decided.decision
                if decision.command == "EndSession" and decision.tenant == self._tenant:
                    self._ended(accepted, decided.events)
                elif self.told is not None and decision.command == SessionGone.__name__:
                    self._let_go(accepted, decision.key, decided.events)
        except SchemaError as error:
            what = f"an event cannot be read ({error}). Upgrade before reading on."
            raise UnknownEvent(accepted.position, what) from error

    def _ended(self, accepted: AcceptedCommit, events: tuple[Any, ...]) -> None:
        for event in events:
            if isinstance(event, SessionEnded) and event.session == self._session:
                self.told, self.cause = (accepted.position, accepted.time_ms), event.cause

    def _let_go(self, accepted: AcceptedCommit, key: str, events: tuple[Any, ...]) -> None:
        tenant, _, name = key.partition("/")
        if tenant != self._tenant or not any(self._names_it(event) for event in events):
            return
        types = tuple(type(event).__name__ for event in events)
        self.keys += 1
        self.last_ms = accepted.time_ms
        self.counts.update(types)
        if len(self.first) < MOST:
            self.first.append(Loss(accepted.position, accepted.time_ms, name, types))

    def _names_it(self, event: Any) -> bool:
        if not is_dataclass(event):
            return False
        return any(getattr(event, each.name) in (self.cause, self._session) for each in fields(event))

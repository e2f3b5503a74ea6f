"""Sessions as the logs of nodes have them, over all partitions; and what the end of one means in every partition.

Shares nothing with decider, fold, engine or sweeper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.domain.nodes.names import node_of
from streams.log.positions import PartitionId
from streams.log.records import Commit, LoggedDecision
from streams.wire.keys import key_of
from streams.wire.messages import SessionEnded
from tests.simulation.network import TENANT

if TYPE_CHECKING:
    from tests.simulation.partition import Partition

PROMPT_MS = 1_000
"""Within so much lease time of its partition a session that ended there has let go of everything."""


@dataclass(slots=True)
class Live:
    """One live session. `heard_s` is true time, when the commit of its last beat was sent."""

    session: str
    client: str
    timeout_ms: int
    heard_ms: int
    heard_s: float
    suspected: bool = False


@dataclass(slots=True)
class Over:
    """One that ended; `swept`: its node has heard that nothing is left of it."""

    session: str
    silent: bool
    swept: bool = False


class Sessions:
    """All of them."""

    def __init__(self) -> None:
        self.live: dict[str, Live] = {}
        """By node."""
        self.over: dict[str, Over] = {}
        """By session."""
        self.last_token: dict[PartitionId, int] = {}
        """The greatest that each partition of nodes has given."""

    def is_live(self, session: str) -> bool:
        """Say whether the logs have the session as live."""
        live = self.live.get(node_of(session))
        return live is not None and live.session == session

    def was_issued(self, session: str) -> bool:
        """Say whether there ever was such a session."""
        return session in self.over or self.is_live(session)


class Endings:
    """The ends of sessions in one partition: never of a live one, refused from then on, and soon nothing is left."""

    def __init__(self, partition: "Partition", sessions: Sessions) -> None:
        self.refused: set[str] = set()
        self._partition = partition
        self._sessions = sessions
        self._fail = partition.judge.fail
        self._letting_go: dict[str, int] = {}

    def decided(
        self, commit: Commit, decision: LoggedDecision, events: Sequence[Any], sent_at: float
    ) -> None:
        """Look at one decision of the partition."""
        _ = sent_at
        where = self._partition.where
        session = decision.meta.session
        if session in self.refused and events:
            self._fail(f"{where} decides {events} for {session}, which it was told has ended")
        for event in events:
            if isinstance(event, SessionEnded):
                self._ended(event.session, commit.lease_ms)
        for each, until_ms in list(self._letting_go.items()):
            if commit.lease_ms > until_ms:
                del self._letting_go[each]
                self.check_nothing_left(each)

    def _ended(self, session: str, lease_ms: int) -> None:
        if session in self.refused:
            self._fail(f"{session} is ended twice in {self._partition.where}")
        if self._sessions.is_live(session):
            self._fail(f"{session} is ended in {self._partition.where} while it lives")
        self.refused.add(session)
        self._letting_go[session] = lease_ms + PROMPT_MS

    def left(self, session: str) -> list[str]:
        """Return the keys that hold something for a session."""
        sessions_of = self._partition.vocabulary.kind.sessions_of
        if sessions_of is None:
            return []
        keys = self._partition.judge.tail.state.keys
        return [key for key, state in keys.items() if session in sessions_of(state)]

    def check_nothing_left(self, session: str) -> None:
        """Fail if something of the partition still is a session's that ended here a while ago."""
        if left := self.left(session):
            self._fail(
                f"{left} of {self._partition.where} are still held for {session}, which has ended there"
            )

    def forgotten(self) -> list[str]:
        """Return the sessions that the partition refuses no longer; that would be in a day."""
        ended = self._partition.judge.tail.state.ended_sessions
        return [session for session in self.refused if key_of(TENANT, session) not in ended]

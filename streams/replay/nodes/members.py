"""What must hold of the nodes of one partition: sessions one at a time, verdicts by evidence, sweeps after ends.

Shares nothing with the decider or its fold: a second opinion.
"""

from dataclasses import dataclass, field
from typing import Any

from streams.domain.nodes import events as e
from streams.domain.nodes.limits import BEATS_A_TIMEOUT, QUIET_MS
from streams.domain.nodes.names import session_of
from streams.log.records import LoggedDecision
from streams.replay.invariants import Complain


@dataclass(slots=True)
class Live:
    """A session that has not ended."""

    session: str
    token: int
    who: tuple[str, str]
    timeout_ms: int
    heard_at: int
    beats: int = 0
    suspected: bool = False


@dataclass(slots=True)
class Over:
    """A session that has ended and is not swept."""

    cause_id: int
    silent: bool
    principal: str
    """Who had registered it."""
    number: int
    """Of the event that ended it."""
    returned: bool = False
    """Its principal has registered the node again since."""


@dataclass(slots=True)
class Member:
    """One node."""

    live: Live | None = None
    barred_until: int = 0
    ended_at: int = 0
    unswept: dict[str, Over] = field(default_factory=dict)


class Members:
    """All nodes of a partition, by key."""

    def __init__(self) -> None:
        self.of: dict[str, Member] = {}

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        """Check and remember one event of a node."""
        key = decision.key
        match event:
            case e.NodesHeard():
                self._heard(event, decision.tenant, lease_ms, complain)
            case e.NodeRegistered():
                self._registered(number, event, decision, lease_ms, complain)
            case e.SessionSwept():
                self._swept(key, event, complain)
            case e.NodeForgotten():
                self._forgotten(key, lease_ms, complain)
            case _:
                self._of_live(number, event, decision, lease_ms, complain)

    def _heard(self, event: e.NodesHeard, tenant: str, lease_ms: int, complain: Complain) -> None:
        names = [beat.name for beat in event.beats]
        if names != sorted(set(names)):
            complain("EVIDENCE", f"one heartbeat list names nodes twice or out of order: {names[:10]}")
        _at(event.at, lease_ms, "NodesHeard", complain)
        for beat in event.beats:
            live = self._member(f"{tenant}/{beat.name}").live
            if live is None or live.token != beat.token:
                complain(
                    "NO_SUCH_SESSION", f"{beat.name}:{beat.token} was heard, and is not the live session"
                )
                continue
            live.heard_at, live.beats, live.suspected = event.at, live.beats + 1, False

    def _registered(
        self,
        number: int,
        event: e.NodeRegistered,
        decision: LoggedDecision,
        lease_ms: int,
        complain: Complain,
    ) -> None:
        key, member = decision.key, self._member(decision.key)
        if event.token != number or event.session != session_of(event.name, number, event.principal):
            complain("TOKEN", f"{key}: session {event.session}, token {event.token} instead of {number}")
        if member.live is not None:
            complain("CONFLICT", f"{key}: {event.session} began while {member.live.session} is live")
        if lease_ms < member.barred_until:
            complain("EARLY", f"{key}: registered {member.barred_until - lease_ms} ms before it may again")
        _asker(key, (event.principal, event.client), decision, complain)
        _at(event.at, lease_ms, f"{key}: NodeRegistered", complain)
        for over in member.unswept.values():
            over.returned = over.returned or over.principal == event.principal
        who = (event.principal, event.client)
        member.live = Live(event.session, event.token, who, event.registration.timeout_ms, event.at)

    def _of_live(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        key, member = decision.key, self._member(decision.key)
        live = member.live
        if live is None or live.session != event.session:
            complain(
                "NO_SUCH_SESSION", f"{key}: {type(event).__name__} of {event.session}, which is not live"
            )
            return
        match event:
            case e.NodeChanged():
                _asker(key, live.who, decision, complain)
                live.timeout_ms = event.registration.timeout_ms
            case e.NodeChecked():
                _asker(key, live.who, decision, complain)
            case e.NodeSuspected():
                _evidence(key, event.evidence, live, lease_ms, live.timeout_ms // 2, complain)
                live.suspected = True
            case e.NodeDied():
                _evidence(key, event.evidence, live, lease_ms, live.timeout_ms, complain)
                if not live.suspected:
                    complain("EVIDENCE", f"{key}: {live.session} died without being suspected first")
                member.barred_until = event.barred_until
                self._ended(number, key, event, live, lease_ms, complain)
            case e.NodeLeft():
                if event.cause == "LEFT":
                    _asker(key, live.who, decision, complain)
                elif event.cause == "REPLACED" and live.who[0] != decision.principal:
                    complain("STOLEN", f"{key}: {decision.principal} replaced a session of {live.who[0]}")
                self._ended(number, key, event, live, lease_ms, complain)

    def _ended(
        self,
        number: int,
        key: str,
        event: e.NodeDied | e.NodeLeft,
        live: Live,
        lease_ms: int,
        complain: Complain,
    ) -> None:
        if event.cause_id != number:
            complain("TOKEN", f"{key}: the end of {live.session} has id {event.cause_id} instead of {number}")
        _at(event.at, lease_ms, f"{key}: the end of {live.session}", complain)
        member, silent = self._member(key), isinstance(event, e.NodeDied)
        member.unswept[live.session] = Over(event.cause_id, silent, live.who[0], number)
        member.live, member.ended_at = None, lease_ms

    def _swept(self, key: str, event: e.SessionSwept, complain: Complain) -> None:
        over = self._member(key).unswept.pop(event.session, None)
        if over is None:
            complain(
                "NO_SUCH_SESSION", f"{key}: {event.session} was swept, and has not ended, or was swept before"
            )
        elif over.cause_id != event.cause_id:
            complain(
                "EVIDENCE",
                f"{key}: {event.session} was swept for {event.cause_id}, it ended by {over.cause_id}",
            )

    def _forgotten(self, key: str, lease_ms: int, complain: Complain) -> None:
        member = self.of.pop(key, Member())
        if member.live is not None or member.unswept:
            complain("NO_SUCH_SESSION", f"{key}: forgotten with a session that is live or not swept")
        elif lease_ms - member.ended_at < QUIET_MS:
            complain("EARLY", f"{key}: forgotten {lease_ms - member.ended_at} ms after its end")

    def _member(self, key: str) -> Member:
        return self.of.setdefault(key, Member())


def _evidence(
    key: str, said: e.Evidence, live: Live, lease_ms: int, least_ms: int, complain: Complain
) -> None:
    silent_ms = lease_ms - live.heard_at
    if silent_ms < least_ms:
        complain("EARLY", f"{key}: judged after {silent_ms} ms of silence, {least_ms} are needed")
    found = e.Evidence(live.heard_at, silent_ms, live.beats, live.timeout_ms // BEATS_A_TIMEOUT)
    if said != found:
        complain("EVIDENCE", f"{key}: the verdict rests on {said}, the log has {found}")


def _asker(key: str, who: tuple[str, str], decision: LoggedDecision, complain: Complain) -> None:
    asker = (decision.principal, decision.client)
    if who != asker:
        complain("STOLEN", f"{key}: {decision.command} for {'/'.join(who)} by {'/'.join(asker)}")


def _at(at: int, lease_ms: int, what: str, complain: Complain) -> None:
    if at != lease_ms:
        complain("EVIDENCE", f"{what}: said to be at {at}, its commit is at {lease_ms}")

"""What must hold of nodes, services and the brake: who is live, when silence is death, what is on offer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from streams.domain.nodes import events as e
from streams.domain.nodes.brake import Brake
from streams.domain.nodes.names import node_of, session_of, token_of
from streams.domain.nodes.node import Node
from streams.domain.nodes.service import Service
from streams.log.positions import PartitionId
from streams.log.records import Commit, LoggedDecision
from tests.simulation.invariants import Judge, Sent
from tests.simulation.nodes.sessions import Live, Over, Sessions

if TYPE_CHECKING:
    from tests.simulation.nodes.cast import Cast

QUIET_MS, STRIKES, BACKOFF_MS, MOST_MS = 600_000, 3, 5_000, 300_000


class NodeBooks:
    """One partition of nodes."""

    def __init__(self, judge: Judge, where: PartitionId, cast: "Cast") -> None:
        self.offers: dict[str, dict[str, str]] = {}
        """The session of each instance of each service, by key."""
        self.pulled = False
        self.quiet_until = 0
        """Until this lease time the brake, which was released, is not pulled but by hand."""
        self._fail = judge.fail
        self._where = where
        self._cast = cast
        self._sessions: Sessions = cast.sessions
        self._here: dict[str, Live] = {}
        """The live sessions of this partition, by node."""
        self._barred: dict[str, int] = {}
        self._deaths: dict[str, tuple[int, int]] = {}
        """Of each node: when it died last, and how many deaths there were without quiet between them."""
        self._tokens: dict[str, int] = {}
        self._commit: Commit | None = None

    def decided(
        self,
        commit: Commit,
        decision: LoggedDecision,
        events: Sequence[Any],
        first: int,
        sent_at: float,
        asked: Sequence[Sent],
    ) -> None:
        """Check and fold one decision of an accepted commit."""
        _ = asked
        if self._commit is not None and commit is not self._commit:
            self._silence_is_death(self._commit)
        self._commit = commit
        for number, event in enumerate(events, first):
            self._sessions.last_token[self._where] = number
            self._node(commit, decision, event, number, sent_at)
            self._service(decision.key, event)

    def _silence_is_death(self, commit: Commit) -> None:
        for live in self._here.values():
            if live.heard_ms + live.timeout_ms <= commit.lease_ms:
                self._fail(
                    f"{live} is live at lease time {commit.lease_ms}: its silence is long enough to be dead"
                )

    # ── nodes ───────────────────────────────────────────────────────────────────────────────────────────────

    def _node(
        self, commit: Commit, decision: LoggedDecision, event: Any, number: int, sent_at: float
    ) -> None:
        now = commit.lease_ms
        match event:
            case e.NodeRegistered():
                self._registered(event, number, now, sent_at)
            case e.NodesHeard():
                if decision.hash:
                    self._fail(f"an answer is kept for {event}: heartbeats would fill the memory")
                self._heard(event, now, sent_at)
            case e.NodeChanged():
                self._live(event).timeout_ms = event.registration.timeout_ms
            case e.NodeSuspected():
                live = self._live(event)
                live.suspected = True
                self._silent_for(event, live, live.timeout_ms // 2, now, sent_at)
            case e.NodeDied():
                self._died(event, now, sent_at)
            case e.NodeLeft():
                self._left(event)
            case e.SessionSwept():
                self._swept(event)
            case e.BrakePulled():
                self.pulled = True
            case e.BrakeReleased():
                self.pulled, self.quiet_until = False, event.quiet_until
            case e.MassFailureAlarmed():
                self.quiet_until = event.quiet_until
            case _:
                pass

    def _live(self, event: Any) -> Live:
        live = self._here.get(node_of(event.session))
        if live is None or live.session != event.session:
            self._fail(f"{event} of a session that is not live; live is {live}")
            return Live(event.session, "", 1, 0, 0.0)
        return live

    def _registered(self, event: e.NodeRegistered, number: int, now: int, sent_at: float) -> None:
        name = event.name
        if name in self._here:
            self._fail(f"{event} while {self._here[name]} lives")
        if event.session != session_of(name, event.token, event.principal) or event.token <= self._tokens.get(
            name, 0
        ):
            self._fail(f"{event} with number {number}, after token {self._tokens.get(name)}")
        if now < self._barred.get(name, 0):
            self._fail(f"{event} at {now}: the node flaps and may not come back before {self._barred[name]}")
        self._tokens[name] = event.token
        live = Live(event.session, event.client, event.registration.timeout_ms, now, sent_at)
        self._here[name] = self._sessions.live[name] = live
        for partition in self._cast.everywhere():
            partition.judge.trust.revoked.discard(event.client)

    def _heard(self, event: e.NodesHeard, now: int, sent_at: float) -> None:
        for beat in event.beats:
            live = self._here.get(beat.name)
            if live is None or token_of(live.session) != beat.token:
                self._fail(f"{beat} is heard, but live is {live}")
                continue
            live.heard_ms, live.heard_s, live.suspected = now, sent_at, False

    def _silent_for(self, event: Any, live: Live, least_ms: int, now: int, sent_at: float) -> None:
        true_ms = (sent_at - live.heard_s) * 1000
        if now - live.heard_ms < least_ms or true_ms < least_ms - 1.01:
            self._fail(f"{event} at {now}, {true_ms:.0f} ms after {live} was heard")
        if event.evidence.heard_at != live.heard_ms:
            self._fail(f"{event} rests on {event.evidence}, but {live} was heard later or earlier")

    def _died(self, event: e.NodeDied, now: int, sent_at: float) -> None:
        live, name = self._live(event), node_of(event.session)
        self._silent_for(event, live, live.timeout_ms, now, sent_at)
        if not live.suspected:
            self._fail(f"{event} without a suspicion before")
        died_at, deaths = self._deaths.get(name, (-QUIET_MS, 0))
        deaths = deaths + 1 if now - died_at < QUIET_MS else 1
        self._deaths[name] = (now, deaths)
        pause_ms = 0 if deaths < STRIKES else min(BACKOFF_MS * 2 ** (deaths - STRIKES), MOST_MS)
        if event.barred_until != (now + pause_ms if pause_ms else 0):
            self._fail(f"{event} is death number {deaths} in a row: it should wait {pause_ms} ms, from {now}")
        self._barred[name] = event.barred_until
        self._over(event, silent=True)
        self._cast.check_trust(event.session)

    def _left(self, event: e.NodeLeft) -> None:
        live = self._live(event)
        if event.cause != "LEFT":
            for partition in self._cast.everywhere():
                partition.judge.trust.revoke(live.client)
        self._over(event, silent=False)

    def _over(self, event: Any, *, silent: bool) -> None:
        name = node_of(event.session)
        self._here.pop(name, None)
        self._sessions.live.pop(name, None)
        self._sessions.over[event.session] = Over(event.session, silent)

    def _swept(self, event: e.SessionSwept) -> None:
        over = self._sessions.over.get(event.session)
        if over is None or over.swept:
            self._fail(f"{event}, but it is {over}")
            return
        over.swept = True
        told = [partition.where for partition in self._cast.everywhere()]
        missing = [where for where in told if event.session not in self._cast.endings[where].refused]
        if missing or event.partitions != len(told):
            self._fail(f"{event}, but {missing} were not told")

    # ── services ────────────────────────────────────────────────────────────────────────────────────────────

    def _service(self, key: str, event: Any) -> None:
        offers = self.offers.setdefault(key, {})
        match event:
            case e.InstanceRegistered():
                offers[event.instance.instance] = event.instance.session
            case e.InstancesLeft():
                for name in event.instances:
                    if offers.pop(name, None) != event.session:
                        self._fail(f"{event}, but {name} is not that session's")

    def compare(self, key: str, state: Any) -> None:
        """Check the fold of a key against the events."""
        if isinstance(state, Service):
            folded = {name: each.session for name, each in state.instances.items()}
            if folded != self.offers.get(key, {}):
                self._fail(f"{key} offers {folded}, by its events {self.offers.get(key)}")
        elif isinstance(state, Brake):
            if state.pulled != self.pulled:
                self._fail(f"{key} is {state}, by its events pulled is {self.pulled}")
        elif isinstance(state, Node):
            live = self._here.get(key.partition("/")[2])
            mine = None if live is None else (live.session, live.heard_ms, live.suspected)
            member = state.member
            folded_node = None if member is None else (member.session, state.pulse.at, state.pulse.suspected)
            if mine != folded_node:
                self._fail(f"{key} is {folded_node}, by its events {mine}")

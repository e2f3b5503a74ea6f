"""What follows from the logs of nodes: which sessions are to be ended where, and when. Pure: the time comes in.

* A session that ended is ended in every partition of every kind, then its node is told that it is swept. All of it may
  be done again, by anybody: partitions and nodes know what they were told.
* While the brake holds, no session that ended by silence is ended, for its node may still be at work. Those that ended
  by somebody's wish are; so are those whose node has registered again under the same principal: it has said itself
  that it holds nothing of the old one, and would wait for itself. So a node keeps one held session at the most, and
  the brake never keeps a node from returning.
* The platform's own processes are swept like all others, and count neither as nodes nor as dead when the brake judges:
  nobody waits for what they hold, and on a small machine they would be half of all.
* An instance whose session is not live, and never can be, leaves. No partition remembers such a session: anybody can
  make up as many as he likes.
* Of several sweepers one leads, whoever recorded the last sweep in the logs; the others begin a moment later.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from streams.domain.nodes.commands import PullBrake
from streams.domain.nodes.events import (
    BrakeConfigured,
    BrakePulled,
    BrakeReleased,
    Instance,
    InstanceRegistered,
    MassFailureAlarmed,
    NodeDied,
    NodeLeft,
    NodeRegistered,
    NodeSuspected,
    SessionSwept,
)
from streams.domain.nodes.names import SERVICE, name_of, node_of
from streams.domain.value import value
from streams.log.accepted import token_of as event_token
from streams.log.positions import PartitionId
from streams.processes.identity import Identity
from streams.processes.sweeper.claims import Claim, Claims
from streams.processes.sweeper.failures import MassFailures, Told
from streams.processes.sweeper.reading import Reading
from streams.processes.sweeper.sweeps import Sweep, Sweeps
from streams.wire.keys import place
from streams.wire.messages import SessionEnded

HOLD_BACK_S = 0.5
"""How long those wait who do not lead, since a session ended, or the leader last recorded a sweep."""
FOLDED: Final[tuple[type, ...]] = (
    NodeRegistered,
    NodeSuspected,
    NodeDied,
    NodeLeft,
    SessionSwept,
    InstanceRegistered,
    MassFailureAlarmed,
    BrakePulled,
    BrakeReleased,
    BrakeConfigured,
)
"""The tenant's events that matter here. Heartbeats do not: who is not heard is suspected, and dies."""


@value
class Seen:
    """Where, when and by whose command an event came."""

    where: PartitionId
    key: str
    client: str
    at_ms: int
    """Of the log (`LogTime`)."""
    now_s: float
    """This process's clock."""


@value
class _Live:
    session: str
    principal: str


class Sweeper:
    """Folds what the logs say; `look` starts what may start; `take` says what a partition is to be told."""

    def __init__(
        self, me: Identity, partitions: Sequence[PartitionId], begun: Mapping[PartitionId, int]
    ) -> None:
        """`partitions`: of all kinds. `begun`: how many events of each partition of nodes are behind its start."""
        self.reading = Reading(begun)
        self.sweeps = Sweeps(partitions)
        self.failures = MassFailures()
        self.claims = Claims()
        self.leads = True
        """Whether the last sweep in the logs was recorded by this process, or none was yet."""
        self.holds = False
        """Whether the brake held when it was last looked."""
        self._me = me
        self._homes = len(begun)
        self._generations: dict[PartitionId, int] = {}
        self._live: dict[str, _Live] = {}
        self._counted: dict[str, None] = {}
        """Of those: the nodes that the brake judges by, so all but the platform's own."""
        self._other_s = float("-inf")

    def read(self, where: PartitionId, events: int, generation: int, at_ms: int) -> None:
        """So many events of a partition are folded now."""
        self._generations[where] = generation
        self.failures.pass_time(where, at_ms)
        self.reading.read(where, events)

    def fold(self, seen: Seen, event: Any) -> None:
        """Fold one event of the tenant: one of `FOLDED`, or `SessionEnded`."""
        node = name_of(seen.key)
        match event:
            case NodeRegistered():
                self._registered(node, event)
            case NodeSuspected():
                if node in self._counted:
                    self.failures.suspect(node, event.evidence, self._told(seen))
            case NodeDied():
                if node in self._counted:
                    self.failures.die(node, self._told(seen))
                self._ended(node, seen, event)
            case NodeLeft():
                self.failures.speak(node)
                self._ended(node, seen, event)
            case SessionSwept():
                self._swept(seen, event)
            case InstanceRegistered():
                self._claimed(seen, event.instance)
            case SessionEnded():
                self.claims.drop(seen.where, event.session)
            case MassFailureAlarmed() | BrakePulled() | BrakeReleased() | BrakeConfigured():
                self.failures.fold(event)

    def judge(self, now_s: float) -> PullBrake | None:
        """Return what to ask the brake, if so many nodes died at once."""
        self.failures.now_s = now_s
        return self.failures.judge(self._counted) if self.reading.is_settled else None

    def look(self, now_s: float) -> float | None:
        """Start what may start now; return when to look again if only time is missing."""
        self.failures.now_s = now_s
        self.holds = not self.reading.is_settled or self.failures.holds(self._counted)
        self._judge_claims(now_s)
        later: list[float] = []
        for sweep in list(self.sweeps.waiting):
            if not self.reading.is_current(sweep.home) or self._is_held(sweep):
                continue
            ready_s = self._ready_s(sweep)
            if ready_s > now_s:
                later.append(ready_s)
            else:
                self.sweeps.start(sweep)
        return min(later, default=None)

    def take(self, where: PartitionId, limit: int) -> list[Sweep]:
        """Return what a partition is to be told next."""
        return self.sweeps.take(where, limit, self._is_held)

    @property
    def nodes(self) -> int:
        """How many nodes have a live session."""
        return len(self._live)

    @property
    def held(self) -> int:
        """How many ended sessions wait for the brake."""
        return sum(map(self._is_held, self.sweeps.waiting))

    def _is_held(self, sweep: Sweep) -> bool:
        return self.holds and sweep.silent

    def _ready_s(self, sweep: Sweep) -> float:
        first_s = sweep.seen_s + sweep.trusted_s
        return first_s if self.leads else max(first_s, self._other_s) + HOLD_BACK_S

    def _told(self, seen: Seen) -> Told:
        return Told(seen.where, seen.at_ms, seen.now_s if self.reading.is_current(seen.where) else None)

    def _registered(self, node: str, event: NodeRegistered) -> None:
        self.failures.speak(node)
        self._live[node] = _Live(event.session, event.principal)
        if not event.platform:
            self._counted[node] = None
        for sweep in self.sweeps.of(node):
            if sweep.principal == event.principal:
                sweep.silent = False

    def _ended(self, node: str, seen: Seen, event: NodeDied | NodeLeft) -> None:
        live = self._live.pop(node)
        self._counted.pop(node, None)
        cause, silent = f"{event.cause} {event.cause_id}", isinstance(event, NodeDied)
        trusted_s = trusted_s_of(event)
        self.sweeps.add(
            Sweep(event.session, cause, seen.where, seen.now_s, trusted_s, silent, live.principal)
        )

    def _swept(self, seen: Seen, event: SessionSwept) -> None:
        self.sweeps.end(event.session)
        self.leads = seen.client == self._me.client
        if not self.leads:
            self._other_s = seen.now_s

    def _claimed(self, seen: Seen, offered: Instance) -> None:
        _, _, home = place(self._me.tenant, node_of(offered.session), self._homes)
        where, service = seen.where, name_of(seen.key).removeprefix(SERVICE)
        claim = Claim(where, offered.session, PartitionId(where.kind, home), service, offered.instance)
        if not self._is_known(claim):
            self.claims.make(claim)

    def _is_known(self, claim: Claim) -> bool:
        live = self._live.get(node_of(claim.session))
        is_live = live is not None and live.session == claim.session
        return is_live or self.sweeps.find(claim.session) is not None

    def _judge_claims(self, now_s: float) -> None:
        for claim in self.claims.judge(self.reading.is_current, self._last_token):
            if not self._is_known(claim):
                sweep = Sweep(claim.session, "NOT_ISSUED", claim.home, now_s, claim=claim)
                self.sweeps.add(sweep, (claim.where,))

    def _last_token(self, home: PartitionId) -> int:
        """Return the greatest token that a partition has given, as far as it is read."""
        return event_token(self._generations.get(home, 0), self.reading.events(home))


def trusted_s_of(event: NodeDied | NodeLeft) -> float:
    """Return for how long a client that has not heard of the end may trust what it holds."""
    return event.trusted_ms / 1000 if isinstance(event, NodeLeft) else 0.0

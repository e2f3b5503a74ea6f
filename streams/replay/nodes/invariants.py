"""What must hold of nodes, services and the brake of one partition, checked from their events alone.

The brake is judged where its log is: a node in the brake's own partition that fell silent under the pulled brake must
not be swept before the release, unless it has registered again. Elsewhere no log tells which was first.
"""

from typing import Any, get_args

from streams.domain.nodes import events as e
from streams.domain.nodes import replies as r
from streams.log.records import LoggedDecision
from streams.replay.findings import Report
from streams.replay.invariants import Complain
from streams.replay.nodes.members import Members
from streams.replay.nodes.services import Services
from streams.replay.sessions import EndedSessions
from streams.wire.messages import SessionEnded

_OF_NODE, _OF_SERVICE = get_args(e.OfNodeEvent), get_args(e.OfServiceEvent)


class NodeInvariants:
    """Sessions, instances and brakes as the events have left them."""

    def __init__(self) -> None:
        self._ended = EndedSessions()
        self._members = Members()
        self._services = Services(self._ended)
        self._brakes: dict[str, tuple[int, int]] = {}
        """Of each tenant whose brake is pulled: (number of the event, when it is released by itself; 0: never)."""
        self._counts = {"registrations": 0, "deaths": 0, "sweeps": 0}
        self._greatest = 0

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        """Check and remember one event."""
        self._greatest = number
        if isinstance(event, _OF_NODE):
            self._count(event)
            self._braked(event, decision, complain)
            self._members.event(number, event, decision, lease_ms, complain)
        elif isinstance(event, _OF_SERVICE):
            self._services.event(number, event, decision, lease_ms, complain)
        elif isinstance(event, SessionEnded):
            self._ended.event(event, decision)
        else:
            self._brake(number, event, decision.tenant, lease_ms, complain)

    def reply(self, reply: Any, decision: LoggedDecision, complain: Complain) -> None:
        """Check an answer against what holds after its decision's events."""
        match reply:
            case r.NodeJoined():
                member = self._members.of.get(decision.key)
                live = None if member is None else member.live
                asker = (decision.principal, decision.client)
                if live is None or (live.session, live.who, live.timeout_ms) != (
                    reply.session, asker, reply.timeout_ms,
                ):  # fmt: skip
                    complain(
                        "REPLY", f"{decision.key}: {reply.session} is no live session of {'/'.join(asker)}"
                    )
            case r.Watching():
                service = self._services.of.get(decision.key)
                if not decision.waiting or service is None or reply.ticket not in service.watches:
                    complain("REPLY", f"{decision.key}: ticket {reply.ticket} is said to wait, but does not")
            case _:
                pass

    def finish(self, report: Report) -> None:
        """Write down what was counted, and what is still there."""
        members = self._members.of.values()
        report.greatest_token = self._greatest
        report.counts = {
            "nodes": sum(member.live is not None for member in members), **self._counts,
            "unswept": sum(len(member.unswept) for member in members),
            "instances": sum(len(service.instances) for service in self._services.of.values()),
            "watching": sum(len(service.watches) for service in self._services.of.values()),
        }  # fmt: skip

    def _count(self, event: Any) -> None:
        name = _COUNTED.get(type(event))
        if name is not None:
            self._counts[name] += 1

    def _braked(self, event: Any, decision: LoggedDecision, complain: Complain) -> None:
        pulled, member = self._brakes.get(decision.tenant), self._members.of.get(decision.key)
        if pulled is None or member is None or not isinstance(event, e.SessionSwept):
            return
        over = member.unswept.get(event.session)
        if over is not None and over.silent and not over.returned and over.number > pulled[0]:
            complain("BRAKED", f"{decision.key}: {event.session} fell silent under the brake, and was swept")

    def _brake(self, number: int, event: Any, tenant: str, lease_ms: int, complain: Complain) -> None:
        pulled = self._brakes.get(tenant)
        match event:
            case e.BrakePulled():
                if pulled is not None:
                    complain("BRAKED", f"{tenant}: the brake was pulled twice")
                self._brakes[tenant] = (number, event.release_at)
            case e.BrakeReleased():
                if self._brakes.pop(tenant, None) is None:
                    complain("BRAKED", f"{tenant}: the brake was released, and was not pulled")
                elif not event.by and (pulled is None or not 0 < pulled[1] <= lease_ms):
                    complain("EARLY", f"{tenant}: the brake released itself before its time")
            case e.BrakeConfigured() if pulled is not None:
                self._brakes[tenant] = (pulled[0], event.release_at)


_COUNTED: dict[type, str] = {
    e.NodeRegistered: "registrations",
    e.NodeDied: "deaths",
    e.SessionSwept: "sweeps",
}

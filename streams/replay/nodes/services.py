"""What must hold of the services of one partition: instances of one session each, waits that end once.

Shares nothing with the decider or its fold: a second opinion.
"""

from dataclasses import dataclass, field
from typing import Any

from streams.domain.nodes import events as e
from streams.domain.nodes.names import is_sealed_for, node_of, token_of
from streams.log.records import LoggedDecision
from streams.replay.invariants import Complain
from streams.replay.sessions import EndedSessions


@dataclass(slots=True)
class Offered:
    """An instance."""

    session: str
    principal: str


@dataclass(slots=True)
class Service:
    """One service."""

    instances: dict[str, Offered] = field(default_factory=dict)
    watches: dict[int, e.WatchStarted] = field(default_factory=dict)


class Services:
    """All services of a partition, by key."""

    def __init__(self, ended: EndedSessions) -> None:
        self.of: dict[str, Service] = {}
        self._ended = ended

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        """Check and remember one event of a service."""
        key = decision.key
        service = self.of.setdefault(key, Service())
        match event:
            case e.InstanceRegistered():
                _token(key, event.instance.version, number, complain)
                _registered(key, service, event.instance, decision, complain)
            case e.InstanceUpdated() | e.InstanceHealthChanged():
                _token(key, event.version, number, complain)
                known = service.instances.get(event.instance)
                if known is None:
                    complain("NO_SUCH_INSTANCE", f"{key}: {event.instance} changed, and is not offered")
                elif (known.session, known.principal) != (decision.meta.session, decision.principal):
                    complain(
                        "STOLEN",
                        f"{key}: {event.instance} of {known.session} changed by {decision.principal}",
                    )
            case e.InstancesLeft():
                _token(key, event.version, number, complain)
                self._left(key, service, event, decision, complain)
            case e.WatchStarted():
                _token(key, event.ticket, number, complain)
                service.watches[event.ticket] = event
            case e.WatchEnded():
                _unwatched(key, service, event, lease_ms, complain)
        if not service.instances and not service.watches:
            del self.of[key]

    def _left(
        self, key: str, service: Service, event: e.InstancesLeft, decision: LoggedDecision, complain: Complain
    ) -> None:
        for name in event.instances:
            known = service.instances.pop(name, None)
            if known is None or known.session != event.session:
                complain(
                    "NO_SUCH_INSTANCE", f"{key}: {name} of {event.session} left, and was not offered by it"
                )
        if event.cause == "SESSION_ENDED" and not self._ended.was_told(decision.tenant, event.session):
            complain("EARLY", f"{key}: instances left with {event.session}, which has not ended here")
        if event.by not in ("", decision.principal):
            complain("STOLEN", f"{key}: instances left by {event.by}, but {decision.principal} asked for it")
        if event.cause == "DEREGISTERED" and event.session != decision.meta.session:
            complain(
                "STOLEN", f"{key}: instances of {event.session} left by a command for {decision.meta.session}"
            )


def _registered(
    key: str, service: Service, instance: e.Instance, decision: LoggedDecision, complain: Complain
) -> None:
    asked = (instance.session, instance.principal)
    if asked != (decision.meta.session, decision.principal) or not is_sealed_for(*asked):
        complain(
            "STOLEN", f"{key}: {instance.instance} is offered for {instance.session} by {decision.principal}"
        )
    known = service.instances.get(instance.instance)
    if known is not None and known.session != instance.session and not _succeeds(instance, known):
        complain("CONFLICT", f"{key}: {instance.instance} of {known.session} was taken by {instance.session}")
    service.instances[instance.instance] = Offered(instance.session, instance.principal)


def _succeeds(instance: e.Instance, known: Offered) -> bool:
    """Say whether the instance's session is a later one of the same node and principal."""
    old, new = known.session, instance.session
    same = (node_of(old), known.principal) == (node_of(new), instance.principal)
    return same and token_of(old) < token_of(new)


def _unwatched(key: str, service: Service, event: e.WatchEnded, lease_ms: int, complain: Complain) -> None:
    wait = service.watches.pop(event.ticket, None)
    asker = (event.principal, event.client, event.sequence)
    if wait is None:
        complain("NO_SUCH_WAIT", f"{key}: ticket {event.ticket} ended, which does not wait")
    elif (wait.principal, wait.client, wait.sequence) != asker:
        complain("STOLEN", f"{key}: ticket {event.ticket} of {wait.client} was settled for {event.client}")
    elif event.cause == "TIMED_OUT" and lease_ms < wait.wait_until:
        complain("EARLY", f"{key}: ticket {event.ticket} timed out {wait.wait_until - lease_ms} ms early")


def _token(key: str, token: int, number: int, complain: Complain) -> None:
    if token != number:
        complain("TOKEN", f"{key}: version or ticket {token} instead of {number}")

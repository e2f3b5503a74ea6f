"""Deciding how instances come, change and leave. Who asks acts for a session. Standard library only."""

from dataclasses import replace

from streams.domain.arguments import within
from streams.domain.decider import Context, Decision, Rejected, Requester
from streams.domain.nodes.commands import (
    DeregisterInstance,
    EvictInstance,
    RegisterInstance,
    ReportHealth,
    UpdateInstance,
)
from streams.domain.nodes.events import (
    Event,
    Instance,
    InstanceHealthChanged,
    InstanceRegistered,
    InstancesLeft,
    InstanceUpdated,
    LeaveCause,
)
from streams.domain.nodes.limits import (
    MAX_INSTANCES,
    MAX_NUMBER,
    MAX_OUTPUT,
    MAX_SERVICE_BYTES,
    MAX_TEXT,
    MAX_WEIGHT,
    refuse_instance,
    refuse_labels,
    refuse_text,
)
from streams.domain.nodes.names import is_sealed_for, node_of, token_of
from streams.domain.nodes.rejections import (
    instance_taken,
    instance_unknown,
    not_yours,
    service_full,
    session_ended,
    version_conflict,
)
from streams.domain.nodes.replies import HealthTaken, InstanceClosed, InstanceKept, Reply, SessionCleared
from streams.domain.nodes.service import Service, instance_bytes
from streams.domain.nodes.service_draft import ROOM_FOR_ONE, Draft, settle
from streams.domain.session import SessionGone


def register(
    command: RegisterInstance, who: Requester, service: Service, context: Context
) -> Decision[Event, Reply]:
    """Return the instance, new or as asked now. Its health is kept while its session goes on."""
    known = service.instances.get(command.instance)
    refused = (
        refuse_instance(command)
        or _refuse_session(who)
        or (None if known is None else _refuse_taking(command, who, known))
    )
    if refused is not None:
        return Decision((), refused)
    draft = Draft(service, context)
    instance = _asked(command, who, known, draft.next_token)
    if known is not None and replace(instance, version=known.version) == known:
        return Decision((), InstanceKept(known.version, changed=False))
    refused = _refuse_size(command.service, service, known, instance)
    if refused is not None:
        return Decision((), refused)
    draft.add(InstanceRegistered(instance), instance_bytes(instance))
    settle(draft)
    return draft.decision(InstanceKept(instance.version, changed=True))


def _refuse_session(who: Requester) -> Rejected | None:
    if is_sealed_for(who.session, who.principal):
        return None
    return not_yours(f"session {who.session!r}", "another principal, or of nobody")


def _refuse_taking(command: RegisterInstance, who: Requester, known: Instance) -> Rejected | None:
    if known.session == who.session and known.principal == who.principal:
        return None
    if known.principal != who.principal or node_of(known.session) != node_of(who.session):
        return instance_taken(command.service, known.instance, known.session)
    if token_of(who.session) < token_of(known.session):
        return session_ended(who.session, "the node has registered since")
    return None


def _asked(c: RegisterInstance, who: Requester, known: Instance | None, version: int) -> Instance:
    goes_on = known is not None and known.session == who.session
    return Instance(
        c.instance,
        who.session,
        who.principal,
        c.address,
        c.zone,
        c.weight,
        c.metadata,
        c.rise,
        c.fall,
        known.healthy if known is not None and goes_on else c.healthy,
        known.reason if known is not None and goes_on else "",
        c.draining,
        version,
    )


def _refuse_size(name: str, service: Service, known: Instance | None, instance: Instance) -> Rejected | None:
    if known is None and len(service.instances) >= MAX_INSTANCES:
        return service_full(
            name, f"it has {MAX_INSTANCES} instances", "offer several services, or fewer and larger instances"
        )
    size = service.bytes + instance_bytes(instance) - (0 if known is None else instance_bytes(known))
    if size > MAX_SERVICE_BYTES:
        full = f"its instances would take {size} bytes, {MAX_SERVICE_BYTES} are the most"
        return service_full(name, full, "have less metadata, or offer several services")
    return None


def update(
    command: UpdateInstance, who: Requester, service: Service, context: Context
) -> Decision[Event, Reply]:
    """Return the new weight and metadata."""
    refused = within("weight", command.weight, 0, MAX_WEIGHT) or refuse_labels("metadata", command.metadata)
    if refused is not None:
        return Decision((), refused)
    known = _owned(service, command, who)
    if isinstance(known, Rejected):
        return Decision((), known)
    if command.version not in (0, known.version):
        return Decision((), version_conflict(known.instance, command.version, known.version))
    if (command.weight, command.metadata) == (known.weight, known.metadata):
        return Decision((), InstanceKept(known.version, changed=False))
    draft = Draft(service, context)
    instance = replace(known, weight=command.weight, metadata=command.metadata, version=draft.next_token)
    refused = _refuse_size(command.service, service, known, instance)
    if refused is not None:
        return Decision((), refused)
    updated = InstanceUpdated(instance.instance, instance.weight, instance.metadata, instance.version)
    draft.add(updated, instance_bytes(instance))
    settle(draft)
    return draft.decision(InstanceKept(instance.version, changed=True))


def report(
    command: ReportHealth, who: Requester, service: Service, context: Context
) -> Decision[Event, Reply]:
    """Return that the instance leaves discovery, or returns, if there were enough checks for that."""
    refused = within("streak", command.streak, 1, MAX_NUMBER) or refuse_text(
        "reason", command.reason, 0, MAX_OUTPUT
    )
    if refused is not None:
        return Decision((), refused)
    known = _owned(service, command, who)
    if isinstance(known, Rejected):
        return Decision((), known)
    if command.passing == known.healthy:
        return Decision((), HealthTaken(known.healthy, 0))
    needed = (known.rise if command.passing else known.fall) - command.streak
    if needed > 0:
        return Decision((), HealthTaken(known.healthy, needed))
    draft = Draft(service, context)
    name, version = known.instance, draft.next_token
    draft.add(InstanceHealthChanged(name, command.passing, command.reason, version), ROOM_FOR_ONE)
    settle(draft)
    return draft.decision(HealthTaken(command.passing, 0))


def _owned(service: Service, command: UpdateInstance | ReportHealth, who: Requester) -> Instance | Rejected:
    known = service.instances.get(command.instance)
    if known is None:
        return instance_unknown(command.service, command.instance)
    if (known.principal, known.session) == (who.principal, who.session):
        return known
    return not_yours(
        f"instance {known.instance!r}", f"session {known.session!r} of principal {known.principal!r}"
    )


def deregister(
    command: DeregisterInstance, who: Requester, service: Service, context: Context
) -> Decision[Event, Reply]:
    """Return that the session offers the instance no longer. One that it does not have is fine."""
    known = service.instances.get(command.instance)
    if known is None or known.session != who.session:
        return Decision((), InstanceClosed(service.version, ended=False))
    if known.principal != who.principal:
        return Decision((), not_yours(f"instance {known.instance!r}", f"principal {known.principal!r}"))
    draft = Draft(service, context)
    _leave(draft, who.session, "DEREGISTERED", "", (known.instance,), who.principal)
    return draft.decision(InstanceClosed(draft.service.version, ended=True))


def evict(
    command: EvictInstance, who: Requester, service: Service, context: Context
) -> Decision[Event, Reply]:
    """Return that nobody offers the instance (under that session) any longer. One that is not there is fine."""
    refused = (
        refuse_text("instance", command.instance)
        or refuse_text("why", command.why, 0, MAX_TEXT)
        or refuse_text("session", command.session, 0)
    )
    if refused is not None:
        return Decision((), refused)
    known = service.instances.get(command.instance)
    if known is None or command.session not in ("", known.session):
        return Decision((), InstanceClosed(service.version, ended=False))
    draft = Draft(service, context)
    _leave(draft, known.session, "EVICTED", command.why, (known.instance,), who.principal)
    return draft.decision(InstanceClosed(draft.service.version, ended=True))


def session_gone(command: SessionGone, service: Service, context: Context) -> Decision[Event, Reply]:
    """Return that all instances of the session leave. None is fine."""
    draft, session = Draft(service, context), command.session
    mine = [name for name, instance in service.instances.items() if instance.session == session]
    if mine:
        _leave(draft, session, "SESSION_ENDED", command.cause, tuple(mine))
    return draft.decision(SessionCleared(len(mine)))


def _leave(
    draft: Draft, session: str, cause: LeaveCause, why: str, names: tuple[str, ...], by: str = ""
) -> None:
    """Add one event: names of at most 500 instances, 512 bytes each, fit a decision."""
    size = ROOM_FOR_ONE + sum([len(name.encode()) + 2 for name in names])
    draft.add(InstancesLeft(session, cause, why, names, draft.next_token, by), size)
    settle(draft)

"""Deciding how a service is read: at once, or as soon as it has changed. Standard library only."""

from streams.domain.arguments import within
from streams.domain.decider import Context, Decision, Requester
from streams.domain.nodes.commands import DiscoverInstances, WatchService, WithdrawWatch
from streams.domain.nodes.events import Event, WatchEnded, WatchStarted
from streams.domain.nodes.limits import MAX_WATCH_MS, MAX_WATCHING
from streams.domain.nodes.rejections import too_many_watching
from streams.domain.nodes.replies import Reply, ServiceWatched, Watching, WatchWithdrawn
from streams.domain.nodes.service import Service
from streams.domain.nodes.service_draft import ROOM_FOR_ONE, Draft, ended

CROWDED_RETRY_MS = 5_000


def watch(
    command: WatchService, who: Requester, service: Service, context: Context
) -> Decision[Event, Reply]:
    """Return the instances if they are not as known; else the wait for that."""
    refused = within("wait_ms", command.wait_ms, 0, MAX_WATCH_MS)
    if refused is not None:
        return Decision((), refused)
    version = service.version
    if command.known_version != version or not command.wait_ms:
        return Decision((), ServiceWatched(version, changed=command.known_version != version))
    if len(service.watches) >= MAX_WATCHING:
        return Decision((), too_many_watching(command.service, len(service.watches), CROWDED_RETRY_MS))
    draft = Draft(service, context)
    ticket, until = draft.next_token, context.now + command.wait_ms
    started = WatchStarted(who.principal, who.client, who.handle, who.sequence, ticket, version, until)
    draft.add(started, ROOM_FOR_ONE)
    return draft.decision(Watching(ticket, version), waiting=True)


def withdraw(
    command: WithdrawWatch, who: Requester, service: Service, context: Context
) -> Decision[Event, Reply]:
    """Return the end of the requester's wait. Nothing left is fine."""
    draft = Draft(service, context)
    asked = (who.principal, who.client, command.watch_sequence)
    for each in service.watches:
        if (each.principal, each.client, each.sequence) == asked:
            draft.add(ended(each, "WITHDRAWN", service.version), ROOM_FOR_ONE)
            break
    return draft.decision(WatchWithdrawn())


def discover(command: DiscoverInstances, service: Service) -> Decision[Event, Reply]:  # noqa: ARG001 - a read
    """Return the instances as they are."""
    return Decision((), ServiceWatched(service.version, changed=True))


def answer_of(event: WatchEnded) -> ServiceWatched:
    """Return what somebody is told whose wait a change or time has ended."""
    return ServiceWatched(event.version, changed=event.cause == "CHANGED")

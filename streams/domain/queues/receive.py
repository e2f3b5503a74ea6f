"""Deciding ReceiveMessages and WithdrawReceive. Standard library only."""

from streams.domain.arguments import within
from streams.domain.decider import Context, Decision, Rejected, Requester
from streams.domain.queues.commands import ReceiveMessages, WithdrawReceive
from streams.domain.queues.draft import Draft, ended, kept_by, return_messages, sweep
from streams.domain.queues.events import Event, MessagesDelivered, ReceiveStarted
from streams.domain.queues.limits import MAX_BATCH, MAX_LEASE_MS, MAX_WAIT_MS, MAX_WAITING, MIN_LEASE_MS
from streams.domain.queues.rejections import too_many_waiting
from streams.domain.queues.replies import Delivery, ReceiveWaiting, ReceiveWithdrawn, Reply
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.state import Deliveries, Queue, next_deadline
from streams.domain.queues.turns import choose

NONE_CAME = Delivery(0, 0, 0, ())


def receive(
    command: ReceiveMessages, who: Requester, queue: Queue, settings: QueueSettings, context: Context
) -> Decision[Event, Reply]:
    """Return a delivery, at once or after a wait, or none."""
    refused = _refuse(command)
    if refused is not None:
        return Decision((), refused)
    draft = Draft(queue, context)
    due = next_deadline(queue)
    settled = due is None or due > context.now or sweep(draft)
    sub = draft.queue.subscriptions[command.subscription]
    lease_ms = command.lease_ms or settings.lease_ms
    if not settings.paused and (settled or not sub.waits):  # then nobody waits for what is ready
        chosen = choose(draft.queue, sub, context.now, command.max_messages)
        if chosen:
            token, expires_at = draft.next_token, context.now + lease_ms
            delivered = MessagesDelivered(
                who.principal,
                who.client,
                who.handle,
                who.sequence,
                None,
                command.subscription,
                queue.incarnation,
                token,
                expires_at,
                chosen,
                who.session,
            )
            return Decision(
                (*draft.events, delivered), Delivery(queue.incarnation, token, expires_at, chosen)
            )
    if not command.wait_ms:
        return draft.decision(NONE_CAME)
    if len(sub.waits) >= MAX_WAITING:
        return Decision((), too_many_waiting(command.queue, len(sub.waits)))
    return _wait(command, who, draft, lease_ms)


def _refuse(command: ReceiveMessages) -> Rejected | None:
    return (
        within("max_messages", command.max_messages, 1, MAX_BATCH)
        or within("wait_ms", command.wait_ms, 0, MAX_WAIT_MS)
        or refuse_lease(command.lease_ms)
    )


def refuse_lease(lease_ms: int) -> Rejected | None:
    """Return why no lease can be so long or short, or None; 0 stands for the queue's."""
    return None if lease_ms == 0 else within("lease_ms", lease_ms, MIN_LEASE_MS, MAX_LEASE_MS)


def _wait(command: ReceiveMessages, who: Requester, draft: Draft, lease_ms: int) -> Decision[Event, Reply]:
    ticket = draft.next_token
    started = ReceiveStarted(
        who.principal,
        who.client,
        who.handle,
        who.sequence,
        ticket,
        command.subscription,
        command.max_messages,
        lease_ms,
        draft.context.now + command.wait_ms,
        who.session,
    )
    draft.add(started)
    return draft.decision(ReceiveWaiting(ticket), waiting=True)


def withdraw(
    command: WithdrawReceive, who: Requester, queue: Queue, context: Context
) -> Decision[Event, Reply]:
    """Undo what the requester's receive did: its wait, or its leases. Nothing left is fine."""
    name, sequence = command.subscription, command.receive_sequence
    sub, draft = queue.subscriptions[name], Draft(queue, context)
    asked = (who.principal, who.client, sequence)
    for wait in sub.waits.values():
        if (wait.principal, wait.client, wait.sequence) == asked:
            draft.add(ended(wait, "WITHDRAWN"))
            return draft.decision(ReceiveWithdrawn(0))
    numbers = _leased_by(sub, asked)
    for start in range(0, len(numbers), MAX_BATCH):
        return_messages(draft, name, numbers[start : start + MAX_BATCH], "WITHDRAWN", "", counts=False)
    if sub.waits:
        sweep(draft)
    return draft.decision(ReceiveWithdrawn(len(numbers)))


def _leased_by(sub: Deliveries, asked: tuple[str, str, int]) -> list[int]:
    leases = [sub.held[key] for key in sub.receives.get(asked, ())]
    return sorted([number for held in leases for number in kept_by(sub, held)])

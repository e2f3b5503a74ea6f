"""Deciding what consumers do with what they lease: acknowledge, return, keep for longer. Standard library only.

A receipt holds until its lease is over, whether or not the timer has come.
"""

from streams.domain.arguments import bad_argument, within
from streams.domain.decider import Context, Decision, Rejected, Requester
from streams.domain.queues.commands import AckMessages, ExtendLeases, NackMessages, Receipt
from streams.domain.queues.draft import Draft, return_messages, sweep
from streams.domain.queues.events import Event, LeasesExtended, MessagesAcked
from streams.domain.queues.limits import MAX_BATCH, MAX_DELAY_MS, MAX_REASON
from streams.domain.queues.receive import refuse_lease
from streams.domain.queues.rejections import batch_too_large, receipt_invalid
from streams.domain.queues.replies import ReceiptProblem, ReceiptsTaken, RefusedReceipt, Reply
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.state import Queue


def ack(command: AckMessages, who: Requester, queue: Queue, context: Context) -> Decision[Event, Reply]:
    """Return that messages are done, and what their groups then deliver."""
    checked = check(command, who, queue, context)
    if isinstance(checked, Rejected):
        return Decision((), checked)
    good, refused = checked
    acked, taken = MessagesAcked(command.subscription, good), ReceiptsTaken(len(good), refused, 0)
    sub = queue.subscriptions[command.subscription]
    if not sub.waits or not sub.groups:  # only the next of a group can be ready by this
        return Decision((acked,), taken)
    draft = Draft(queue, context)
    draft.add(acked)
    sweep(draft)
    return draft.decision(taken)


def nack(command: NackMessages, who: Requester, queue: Queue, context: Context) -> Decision[Event, Reply]:
    """Return that messages are to be delivered again, or dead."""
    if len(command.reason) > MAX_REASON:
        return Decision(
            (), bad_argument("reason", f"must have {MAX_REASON} characters at the most", command.reason)
        )
    refused_delay = within("delay_ms", command.delay_ms, -1, MAX_DELAY_MS)
    checked = refused_delay or check(command, who, queue, context)
    if isinstance(checked, Rejected):
        return Decision((), checked)
    good, refused = checked
    draft, returned = Draft(queue, context), command.returned
    return_messages(
        draft,
        command.subscription,
        good,
        "NACKED",
        command.reason,
        0 if returned else command.delay_ms,
        counts=not returned,
    )
    if queue.subscriptions[command.subscription].waits:
        sweep(draft)
    return draft.decision(ReceiptsTaken(len(good), refused, 0))


def extend(
    command: ExtendLeases, who: Requester, queue: Queue, settings: QueueSettings, context: Context
) -> Decision[Event, Reply]:
    """Return the longer leases. None gets shorter: an answer that a client saw stays true."""
    checked = refuse_lease(command.lease_ms) or check(command, who, queue, context)
    if isinstance(checked, Rejected):
        return Decision((), checked)
    good, refused = checked
    expires_at = context.now + (command.lease_ms or settings.lease_ms)
    leased = queue.subscriptions[command.subscription].leased
    longer = tuple([number for number in good if leased[number].expires_at < expires_at])
    events = (LeasesExtended(command.subscription, longer, expires_at),) if longer else ()
    return Decision(events, ReceiptsTaken(len(good), refused, expires_at))


def check(
    command: AckMessages | NackMessages | ExtendLeases, who: Requester, queue: Queue, context: Context
) -> tuple[tuple[int, ...], tuple[RefusedReceipt, ...]] | Rejected:
    """Return the messages whose receipts hold and the receipts that do not, or why none is taken."""
    if not command.receipts:
        return bad_argument("receipts", "must have one or more", 0)
    if len(command.receipts) > MAX_BATCH:
        return batch_too_large("receipts", len(command.receipts), MAX_BATCH)
    leased, now, principal = queue.subscriptions[command.subscription].leased, context.now, who.principal
    good, refused = dict[int, None](), list[RefusedReceipt]()
    for receipt in command.receipts:
        lease = leased.get(receipt.message)
        if lease is None or lease.token != receipt.token or lease.expires_at <= now:
            refused.append(_refused(receipt, "NOT_LEASED"))
        elif lease.principal != principal:
            refused.append(_refused(receipt, "NOT_YOURS"))
        else:
            good[receipt.message] = None
    return (tuple(good), tuple(refused)) if good else receipt_invalid(tuple(refused))


def _refused(receipt: Receipt, problem: ReceiptProblem) -> RefusedReceipt:
    return RefusedReceipt(receipt.message, receipt.token, problem)

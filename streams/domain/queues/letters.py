"""Deciding what becomes of dead letters, and of what is to go: redrive, purge, confirm moves. Standard library only."""

from collections.abc import Callable, Iterable, Iterator

from streams.domain.arguments import bad_argument, within
from streams.domain.decider import Context, Decision, LeaseMs, Rejected
from streams.domain.queues.body import GROUP
from streams.domain.queues.commands import ConfirmMoves, PurgeMessages, RedriveMessages
from streams.domain.queues.draft import Draft, sweep
from streams.domain.queues.events import (
    Delay,
    Event,
    MessagesMoved,
    MessagesPurged,
    MessagesRedriven,
    MovesFailed,
)
from streams.domain.queues.limits import MAX_BATCH, MAX_LOOKED_AT, MAX_PURGED, MAX_REASON, refuse_target
from streams.domain.queues.rejections import batch_too_large
from streams.domain.queues.replies import MessagesChosen, MovesTaken, Reply
from streams.domain.queues.standing import standing
from streams.domain.queues.state import Deliveries, Queue, members

PURGED_STATES = ("READY", "DELAYED", "DEAD")


def look(
    numbers: Iterator[int], wanted: Callable[[int], bool], limit: int, after: int
) -> tuple[list[int], bool, int]:
    """Return up to `limit` wanted numbers, whether there may be more, and after which number to go on."""
    chosen, looked_at = list[int](), 0
    for number in numbers:
        if len(chosen) >= limit or looked_at >= MAX_LOOKED_AT:
            return chosen, True, after
        looked_at, after = looked_at + 1, number
        if wanted(number):
            chosen.append(number)
    return chosen, False, after


def redrive(command: RedriveMessages, queue: Queue, context: Context) -> Decision[Event, Reply]:
    """Return dead letters' new attempts, here or on their way to another queue."""
    refused = within("limit", command.limit, 1, MAX_BATCH)
    if refused is None and command.to is not None:
        refused = refuse_target("to", command.queue, command.to)
    if refused is None and len(command.messages) > MAX_BATCH:
        refused = batch_too_large("messages", len(command.messages), MAX_BATCH)
    if refused is not None:
        return Decision((), refused)
    sub = queue.subscriptions[command.subscription]
    chosen, more, after = look(
        _dead(command, sub), _filter(command, queue, sub), command.limit, command.after
    )
    reply = MessagesChosen(tuple(chosen), more, after)
    if command.dry_run or not chosen:
        return Decision((), reply)
    draft = Draft(queue, context)
    delayed = _delayed(queue, chosen, context.now) if command.to is None else ()
    draft.add(MessagesRedriven(command.subscription, tuple(chosen), command.to, delayed))
    if sub.waits:
        sweep(draft)
    return draft.decision(reply)


def _delayed(queue: Queue, numbers: list[int], now: LeaseMs) -> tuple[Delay, ...]:
    """Return which of them were put with a delay that is not over."""
    if not queue.since:
        return ()
    times = [(number, queue.since.get(number, 0)) for number in numbers]
    return tuple([Delay(number, ready_at) for number, ready_at in times if ready_at > now])


def _dead(command: RedriveMessages, sub: Deliveries) -> Iterator[int]:
    if command.messages:
        named = sorted(dict.fromkeys(command.messages))
        return iter([number for number in named if number in sub.dead and number > command.after])
    return (number for number, _ in sub.dead.after(command.after))


def _filter(command: RedriveMessages, queue: Queue, sub: Deliveries) -> Callable[[int], bool]:
    group, reason = command.group, command.reason

    def wanted(number: int) -> bool:
        if group is not None:
            body = queue.messages.get(number)
            if body is None or body[GROUP] != group:
                return False
        return reason is None or reason in sub.past[number].reason

    return wanted


def purge(command: PurgeMessages, queue: Queue) -> Decision[Event, Reply]:
    """Return the end of messages in one state."""
    refused = within("limit", command.limit, 1, MAX_PURGED)
    if refused is None and command.state not in PURGED_STATES:
        refused = bad_argument("state", f"must be one of {', '.join(PURGED_STATES)}", command.state)
    if refused is not None:
        return Decision((), refused)
    sub = queue.subscriptions[command.subscription]
    source = sub.dead if command.state == "DEAD" else members(queue, sub)
    numbers = (number for number, _ in source.after(command.after))
    chosen, more, after = look(
        numbers, lambda number: standing(sub, number) == command.state, command.limit, command.after
    )
    events = (MessagesPurged(command.subscription, tuple(chosen)),) if chosen else ()
    return Decision(events, MessagesChosen(tuple(chosen), more, after))


def confirm_moves(command: ConfirmMoves, queue: Queue) -> Decision[Event, Reply]:
    """Return that messages have left for another queue, or could not."""
    for count in (len(command.moved), len(command.failed)):
        if count > MAX_BATCH:
            return Decision((), batch_too_large("messages", count, MAX_BATCH))
    if command.incarnation != queue.incarnation:
        return Decision((), MovesTaken(0))
    target_of, to = queue.subscriptions[command.subscription].moving.get, command.to

    def on_their_way(numbers: Iterable[int]) -> tuple[int, ...]:
        targets = {number: target_of(number) for number in numbers}
        return tuple([number for number, at in targets.items() if at is not None and to in (None, at)])

    moved = on_their_way(command.moved)
    reasons = {each.message: each for each in command.failed if each.message not in moved}
    failed = tuple([reasons[number] for number in on_their_way(reasons)])
    refused = _refuse_reasons(command)
    if refused is not None:
        return Decision((), refused)
    events: tuple[Event, ...] = ()
    if moved:
        events += (MessagesMoved(command.subscription, moved),)
    if failed:
        events += (MovesFailed(command.subscription, failed),)
    return Decision(events, MovesTaken(len(moved) + len(failed)))


def _refuse_reasons(command: ConfirmMoves) -> Rejected | None:
    for each in command.failed:
        if len(each.reason) > MAX_REASON:
            return bad_argument(
                "failed.reason", f"must have {MAX_REASON} characters at the most", each.reason
            )
    return None

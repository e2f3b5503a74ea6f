"""The biography of a message in plain sentences, each with the position that proves it. Pure."""

from collections.abc import Iterator, Sequence

from streams.domain.value import value
from streams.log.positions import Position
from streams.replay.causes import Cause
from streams.replay.locks.phrases import actor, command, duration, ordinal, sent, who
from streams.replay.queues.biography import Chapter
from streams.replay.queues.steps import ENDS, Consumer, Step


@value
class Sentence:
    """One sentence, and the record that proves it."""

    position: Position
    time_ms: int
    step: Step
    text: str


def sentences(chapter: Chapter) -> Iterator[Sentence]:
    """Yield what happened to a message in one queue, in order."""
    previous: Step | None = None
    for step in chapter.steps:
        text = _text(step, previous)
        if step.subscription:
            text = f"[{step.subscription}] {text}"
        yield Sentence(step.cause.position, step.cause.time_ms, step, f"{text}.")
        previous = step if step.what == "DELIVERED" else previous


def standing(chapters: Sequence[Chapter]) -> str:
    """Return where the message is now, in one line."""
    last = chapters[-1].steps[-1]
    match last.what:
        case "ACKED":
            return "acknowledged: it never comes back"
        case "DELIVERED" | "EXTENDED":
            return "leased"
        case "DIED" | "REDRIVEN" if last.to is not None:
            return f"on its way to {last.to}"
        case "DIED" | "MOVE_FAILED":
            return "a dead letter"
        case "MOVED":
            return "moved on; what became of it there is not in these logs"
        case what if what in ENDS:
            return "removed"
        case "RETURNED" | "ENQUEUED" | "REDRIVEN" if last.due_lease_ms > last.cause.lease_ms:
            return f"delayed until lease time {last.due_lease_ms:,}"
        case _:
            return "ready to be delivered"


def _text(step: Step, delivered: Step | None) -> str:
    cause = step.cause
    match step.what:
        case "ENQUEUED":
            return _enqueued(step)
        case "DELIVERED":
            return _delivered(step)
        case "EXTENDED":
            lease = duration(step.due_lease_ms - cause.lease_ms)
            return f"The lease was extended by {actor(cause)}: {lease} from here"
        case "RETURNED":
            return f"{_returned(step)} {_worked(step, delivered)}. {_again(step)}"
        case "DUE":
            return "Its delay was over: ready to be delivered"
        case "ACKED":
            return f"Acknowledged by {actor(cause)} {_worked(step, delivered)}"
        case _:
            return _left(step)


def _left(step: Step) -> str:
    by = actor(step.cause)
    match step.what:
        case "DIED":
            return _died(step)
        case "REDRIVEN":
            where = "to be delivered here anew" if step.to is None else f"to go to {step.to}"
            return f"Redriven by {by}, {where}{_not_before(step)}"
        case "MOVED":
            return f"It is in the other queue, and gone from here: confirmed by {by}"
        case "MOVE_FAILED":
            return f"It could not be moved, so it is a dead letter here: {step.reason}. Told by {by}"
        case "PURGED":
            return f"Purged by {by}"
        case "SUBSCRIPTION_REMOVED":
            return f"The subscription was removed by {by}, and the message with it"
        case _:
            return f"The queue was deleted by {by}, and the message with it"


def _enqueued(step: Step) -> str:
    cause, origin = step.cause, step.origin
    terms = f"{step.size:,} bytes, priority {step.priority}"
    terms += f", group {step.group}" if step.group else ""
    terms += _not_before(step)
    if origin is None:
        return f"Enqueued by {_name(step.consumer)} {command(cause)}{sent(cause)}: {terms}"
    why = f" ({origin.reason})" if origin.reason else ""
    came = f"Came from {origin.queue}, where it was {origin.message}, after {origin.attempts:,} attempts{why}"
    return f"{came}; brought by {actor(cause)}: {terms}"


def _not_before(step: Step) -> str:
    wait_ms = step.due_lease_ms - step.cause.lease_ms
    return f", not before {duration(wait_ms)} from here" if wait_ms > 0 else ""


def _delivered(step: Step) -> str:
    lease = duration(step.due_lease_ms - step.cause.lease_ms)
    to = f"to {_name(step.consumer)}, under token {step.token} with a lease of {lease}"
    return f"Delivered for the {ordinal(step.attempt)} time, {to}{_by(step.cause, step.consumer)}"


def _returned(step: Step) -> str:
    by = actor(step.cause)
    match step.why:
        case "EXPIRED":
            return f"The lease ran out, found by {by},"
        case "NACKED":
            reason = f" ({step.reason})" if step.reason else ""
            return f"Given back as failed by {by}{reason}"
        case "SESSION_ENDED":
            return f"Taken back by {by}, as the consumer's session ended,"
        case _:
            return f"Given back unworked by {by}"


def _again(step: Step) -> str:
    wait_ms = step.due_lease_ms - step.cause.lease_ms
    pause = f"after a pause of {duration(wait_ms)}" if wait_ms > 0 else "at once"
    return f"{step.attempt:,} attempts count; it may be delivered again {pause}"


def _died(step: Step) -> str:
    why = "its attempts were used up" if step.why == "ATTEMPTS" else "the queue had no more room"
    last = f" (the last one: {step.reason})" if step.reason and step.why == "ATTEMPTS" else ""
    on = "" if step.to is None else f", on its way to {step.to}"
    return (
        f"A dead letter from here on{on}: {why} after {step.attempt:,}{last}. Decided by {actor(step.cause)}"
    )


def _worked(step: Step, delivered: Step | None) -> str:
    if delivered is None:
        return "here"
    return f"{duration(max(0, step.cause.time_ms - delivered.cause.time_ms))} after its delivery"


def _by(cause: Cause, consumer: Consumer | None) -> str:
    """Return what made the delivery come about, if that was not the consumer's own command."""
    if consumer is not None and (cause.principal, cause.client) == (consumer.principal, consumer.client):
        return ""
    return f", who waited; it came about by {actor(cause)}"


def _name(consumer: Consumer | None) -> str:
    return "nobody" if consumer is None else who(consumer.principal, consumer.client, consumer.handle)

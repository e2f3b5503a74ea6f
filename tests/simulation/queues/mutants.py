"""Planted bugs of queues: decider, fold, client library, mover. Each must be found."""

from dataclasses import replace
from typing import Any

from streams.domain.decider import Rejected
from streams.domain.queues import (
    decider,
    desk,
    draft,
    enqueue,
    receipts,
    receive,
    resizing,
    state,
    turns,
)
from streams.domain.queues.commands import EnqueueMessages, Receipt
from streams.domain.queues.desk import Desk
from streams.domain.queues.events import LeasesExtended, MessagesAcked, MessagesReturned, Return
from streams.domain.structures.heap import rising
from streams.processes.mover.targets import Targets
from tests.simulation.mutants.mutant import Mutant
from tidelock.client.queues import producer
from tidelock.client.queues.consumer import Consumer
from tidelock.client.queues.routes import shards_of
from tidelock.client.queues.settling import Settler
from tidelock.client.queues.shelf import Shelf

_evolve, _decide, _check = decider.evolve, decider.decide, receipts.check
_next_deadline, _extend = decider.next_deadline, receipts.extend
_return, _lease, _ack, _put = draft.return_messages, Desk.lease, Settler.ack, Targets.put
_take_ready, _known = Shelf.take_ready, enqueue._known
_refuse_place = enqueue._refuse_place


# ── decider and fold ────────────────────────────────────────────────────────────────────────────────────────


def _kept_in_lane(queue: Any, event: Any) -> Any:
    if not isinstance(event, MessagesAcked):
        return _evolve(queue, event)
    back = tuple(Return(number, 0, 1) for number in event.messages)
    return _evolve(queue, MessagesReturned(event.subscription, "NACKED", "", back))


def _ends_unseen(command: Any, who: Any, queue: Any, context: Any) -> Any:
    return _check(command, who, queue, replace(context, now=-1))


def _late(queue: Any) -> Any:
    due = _next_deadline(queue)
    return due + 300 if due else due


def _shortened(command: Any, who: Any, queue: Any, settings: Any, context: Any) -> Any:
    decision = _extend(command, who, queue, settings, context)
    checked = _check(command, who, queue, context)
    if isinstance(checked, Rejected):
        return decision
    expires_at = context.now + (command.lease_ms or settings.lease_ms)
    return replace(decision, events=(LeasesExtended(command.subscription, checked[0], expires_at),))


def _any_token(command: Any, who: Any, queue: Any, context: Any) -> Any:
    leased = queue.subscriptions[command.subscription].leased
    newest = tuple(
        Receipt(each.message, leased[each.message].token) if each.message in leased else each
        for each in command.receipts
    )
    return _check(replace(command, receipts=newest), who, queue, context)


def _not_blocked(sub: Any, group: Any) -> int:
    numbers = [entry[0] for entry in rising(group.numbers)]
    free = [n for n in numbers if not (n in sub.leased or n in sub.dead or n in sub.moving)]
    return 0 if not free or free[0] in sub.delayed.times else free[0]


def _lease_and_place(self: Any, numbers: Any, lease: Any) -> None:
    _lease(self, numbers, lease)
    for number in numbers:
        for name, group in self.d.groups.items():
            if number in [entry[0] for entry in rising(group.numbers)]:
                self._next_of(name)


def _to_the_back(queue: Any, number: int, body: Any) -> int:
    _ = queue, number, body
    return 1 << 40


def _expires_uncounted(
    making: Any, name: Any, numbers: Any, cause: Any, *rest: Any, counts: bool = True
) -> None:
    _return(making, name, numbers, cause, *rest, counts=counts and cause != "EXPIRED")


def _forgetful(command: Any, who: Any, queue: Any, context: Any) -> Any:
    if isinstance(command, EnqueueMessages) and queue.settings is not None:
        early = queue.settings.dedup_window_ms // 2
        known = {each: (number, came_at - early) for each, (number, came_at) in queue.dedup.known.items()}
        queue = replace(queue, dedup=replace(queue.dedup, known=type(queue.dedup.known)(known)))
    return _decide(command, who, queue, context)


def _deliverable_always(queue: Any, sub: Any) -> bool:
    if queue.settings is None:
        return False
    return state.deliverable(replace(queue, settings=replace(queue.settings, paused=False)), sub)


def _known_but_moves(name: Any, queue: Any, settings: Any, now: Any) -> Any:
    return None if name[0] else _known(name, queue, settings, now)


def _lives_by_the_dead(queue: Any, group: Any) -> bool:
    return any(group in sub.groups for sub in queue.subscriptions.values())


def _takes_letters(command: Any, message: Any, queue: Any) -> Any:
    return _refuse_place(command, replace(message, origin=None), queue)


# ── client library ──────────────────────────────────────────────────────────────────────────────────────────


def _whatever_lies_ready(self: Any) -> Any:
    most = self._appetite.concurrency
    if most is not None and self._leases.busy >= most:
        return None
    for shelf in self._drain.shelves.values():
        if shelf.ready:
            message = shelf.ready.popleft()
            message.handed_out = message.is_worked_on = True
            self._leases.busy += 1
            shelf.ask()
            return message
    return None


def _never_given_back(self: Any, batch: Any = None) -> Any:
    return [] if batch is not None else _take_ready(self)


def _home_first(message: Any, route: Any, turn: int) -> tuple[int, int]:
    _, home = shards_of(message, route, turn)
    return home, home


def _told_at_once(self: Any, receipt: Any, told: Any) -> None:
    told(None)
    _ack(self, receipt, lambda _: None)


# ── mover ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _silence_is_consent(self: Any, target: str, batch: Any) -> Any:
    settled, trouble = await _put(self, target, batch)
    return (settled, None) if trouble is None else (replace(settled, moved=tuple(batch), failed=()), None)


MUTANTS = (
    Mutant(
        "kept in its lane",
        "an acknowledged message stays where it can be delivered",
        lambda: [(decider, "evolve", _kept_in_lane), (draft, "evolve", _kept_in_lane)],
    ),
    Mutant(
        "lease end not looked at",
        "a receipt holds until the timer comes, which is late",
        lambda: [(receipts, "check", _ends_unseen), (decider, "next_deadline", _late)],
        first_history=20,
    ),
    Mutant(
        "extension shortens",
        "an extension by less than is left takes time away",
        lambda: [(receipts, "extend", _shortened)],
    ),
    Mutant(
        "any receipt",
        "a receipt of an earlier delivery settles the one of now",
        lambda: [(receipts, "check", _any_token)],
    ),
    Mutant(
        "group not blocked",
        "while the first of a group is leased the next one is delivered",
        lambda: [
            (turns, "turn", _not_blocked),
            (desk, "turn", _not_blocked),
            (Desk, "lease", _lease_and_place),
        ],
    ),
    Mutant(
        "back of the queue",
        "what comes back goes to the back",
        lambda: [(desk, "since", _to_the_back)],
        first_history=113,
    ),
    Mutant(
        "expiry not counted",
        "a lease that ends costs no attempt",
        lambda: [(draft, "return_messages", _expires_uncounted)],
    ),
    Mutant(
        "dedup forgotten early",
        "a dedup id is known for half its window",
        lambda: [(decider, "decide", _forgetful)],
    ),
    Mutant(
        "withdrawn and kept",
        "what a withdrawn receive had got stays leased",
        lambda: [(receive, "_leased_by", lambda *_: [])],
    ),
    Mutant(
        "group given up",
        "the old shard sends on messages of groups that still live in it",
        lambda: [(enqueue, "lives_here", lambda *_: False)],
        first_history=14,
    ),
    Mutant(
        "called back by a redrive",
        "a group that went on elsewhere lives here again when its dead letters are redriven",
        lambda: [(enqueue, "lives_here", _lives_by_the_dead)],
        first_history=1807,
    ),
    Mutant(
        "ids left behind",
        "a resize ends while old shards still know dedup ids",
        lambda: [(resizing, "is_settled", lambda *_: True)],
        first_history=459,
    ),
    Mutant(
        "letters for nobody",
        "dead letters are moved to a broadcast queue that keeps them for nobody",
        lambda: [(enqueue, "_refuse_place", _takes_letters)],
    ),
    Mutant(
        "delivers while paused",
        "who waits is served though the queue is paused",
        lambda: [(draft, "deliverable", _deliverable_always)],
        first_history=31,
    ),
    Mutant(
        "handed out too late",
        "what lies ready is handed out whatever became of its lease",
        lambda: [(Consumer, "_next", _whatever_lies_ready), (Shelf, "take_ready", _never_given_back)],
        first_history=14,
    ),
    Mutant(
        "home before old shard",
        "a producer goes to the new shard while the group is in the old one",
        lambda: [(producer, "shards_of", _home_first)],
    ),
    Mutant(
        "ack told at once",
        "the library says that an acknowledgement counts before it is answered",
        lambda: [(Settler, "ack", _told_at_once)],
    ),
    Mutant(
        "silence is consent",
        "the mover confirms what it has no answer for",
        lambda: [(Targets, "put", _silence_is_consent)],
        first_history=47,
    ),
    Mutant(
        "moves without a name",
        "a message that is moved again is another one to its target",
        lambda: [(enqueue, "_known", _known_but_moves)],
        first_history=434,
    ),
)

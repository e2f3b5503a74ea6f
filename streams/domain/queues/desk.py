"""A shard and one of its subscriptions while an event is folded: a working copy, given back as new values.

The steps that events have in common: a message is leased, freed, ready, out of play, gone. A message is *in play* while
it is neither dead nor moving. Imports the standard library and `immutables` only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from streams.domain.queues.body import ENQUEUED_AT, GROUP, ORIGIN, PAYLOAD, PRIORITY, Body
from streams.domain.queues.groups import NOBODY, joined, left, with_leased
from streams.domain.queues.numbered import Numbered
from streams.domain.queues.state import (
    NO_LANE,
    Deliveries,
    Held,
    Lane,
    Lease,
    Queue,
    deliveries_copy,
    members,
    queue_copy,
)
from streams.domain.queues.turns import cleaned, since, turn
from streams.domain.structures.heap import push


class Desk:
    """A queue `q` and its subscription `d`: copies that may be changed, of parts that may not.

    `own`: the queue is a copy already.
    """

    __slots__ = ("d", "name", "q", "stale")

    def __init__(self, queue: Queue, subscription: str, *, own: bool = False) -> None:
        self.q: Queue = queue if own else queue_copy(queue)
        self.d: Deliveries = deliveries_copy(queue.subscriptions[subscription])
        self.name = subscription
        self.stale = False
        """Whether messages that were ready are not any more."""

    def done(self) -> Queue:
        """Return the queue with all changes. The desk is not used any more."""
        q, d = self.q, self.d
        if self.stale:
            d.lanes = tuple([lane if lane is NO_LANE else cleaned(q, d, lane) for lane in d.lanes])
        q.subscriptions = {**q.subscriptions, self.name: d}
        return q

    def body(self, number: int) -> Body:
        """Return the body of a message. Raises `LookupError`."""
        body = self.q.messages.get(number)
        if body is None:
            raise LookupError(f"message {number} is not in this queue")
        return body

    def lease(self, numbers: tuple[int, ...], lease: Lease) -> None:
        """Let `lease` have messages that were ready."""
        d, key = self.d, (lease.expires_at, lease.token)
        leased, groups = d.leased.mutate(), d.groups
        for number in numbers:
            leased[number] = lease
            if d.groups and (group := self.body(number)[GROUP]) is not None:
                groups = groups.set(group, with_leased(groups[group], number))
        d.leased, d.groups = leased.finish(), groups
        self._hold(key, lease, numbers)
        self.stale = True

    def _hold(self, key: tuple[int, int], lease: Lease, numbers: tuple[int, ...]) -> None:
        d, known = self.d, self.d.held.get(key)
        if known is not None:
            numbers = known.messages + numbers
        left = len(numbers) if known is None else known.left + len(numbers) - len(known.messages)
        d.held = d.held.set(key, Held(lease, numbers, left))
        if known is None:
            d.ends = d.ends.put(key, key[0])
            receive = (lease.principal, lease.client, lease.sequence)
            d.receives = d.receives.set(receive, (*d.receives.get(receive, ()), key))

    def prolong(self, numbers: tuple[int, ...], expires_at: int) -> None:
        """Let leases of these messages end later."""
        longer: dict[int, tuple[Lease, list[int]]] = {}
        for number in numbers:
            lease = self.d.leased[number]
            longer.setdefault(lease.token, (lease, []))[1].append(number)
        self._unlease(numbers)
        for old, kept in longer.values():
            lease = replace(old, expires_at=expires_at)
            self.d.leased = self.d.leased.update(dict.fromkeys(kept, lease))
            self._hold((expires_at, lease.token), lease, tuple(kept))

    def _unlease(self, numbers: Iterable[int]) -> None:
        d, freed = self.d, dict[tuple[int, int], int]()
        leased = d.leased.mutate()
        for number in numbers:
            lease = leased.pop(number)
            key = (lease.expires_at, lease.token)
            freed[key] = freed.get(key, 0) + 1
        d.leased = leased.finish()
        for key, count in freed.items():
            held = d.held[key]
            if held.left > count:
                d.held = d.held.set(key, Held(held.lease, held.messages, held.left - count))
            else:
                d.held, d.ends = d.held.delete(key), d.ends.drop((key,))
                _no_receive(d, held.lease, key)

    def free(self, numbers: Iterable[int]) -> None:
        """End the leases of these messages. What becomes of them is the next step."""
        self._unlease(numbers)
        if self.d.groups:
            for number in numbers:
                group = self.body(number)[GROUP]
                if group is not None:
                    self.d.groups = self.d.groups.set(group, with_leased(self.d.groups[group], 0))

    def start_over(self, numbers: Iterable[int]) -> None:
        """Forget how often these were moved."""
        for number in numbers:
            body = self.body(number)
            origin = body[ORIGIN]
            if origin is not None and origin.hops:
                anew = (*body[:ORIGIN], replace(origin, hops=0), body[ENQUEUED_AT])
                self.q.messages = self.q.messages.put(number, anew)

    def ready(self, number: int) -> None:
        """Give a message its place in its lane; if it is in a group: if it is its turn."""
        body = self.body(number)
        if body[GROUP] is None or turn(self.d, self.d.groups[body[GROUP]]) == number:
            self._place(number, body)

    def returned(self, number: int) -> None:
        """Let a message that was leased, or who is before it in its group, have its place again."""
        body = self.body(number)
        if body[GROUP] is not None:
            self._next_of(body[GROUP])
        elif number not in self.d.delayed.times:
            self._place(number, body)

    def _place(self, number: int, body: Body) -> None:
        lanes, priority = self.d.lanes, body[PRIORITY]
        lane = lanes[priority]
        back = push(lane.back, (since(self.q, number, body), number))
        placed = Lane(lane.fresh, back, lane.size + 1)
        self.d.lanes = (*lanes[:priority], placed, *lanes[priority + 1 :])

    def _next_of(self, name: str) -> None:
        """Place the group's message whose turn it is."""
        number = turn(self.d, self.d.groups[name])
        if number:
            self._place(number, self.body(number))

    def into_group(self, number: int, name: str) -> None:
        """Let a message take part in its group."""
        d = self.d
        group = d.groups.get(name, NOBODY)
        d.groups = d.groups.set(name, joined(group, number, revived=number in d.revived))
        d.grouped += 1
        d.late += self._is_late(number)

    def _is_late(self, number: int) -> bool:
        is_older = number < self.q.boundary or number in self.q.strays
        return is_older and number not in self.d.revived

    def out_of_groups(self, gone: Sequence[tuple[int, Body]], *, freed: bool) -> None:
        """Let the next of their groups take the place of messages that are out of play (`freed`: were leased)."""
        if not self.d.groups:
            return
        for number, body in gone:
            if body[GROUP] is not None:
                self.d.grouped -= 1
                self.d.late -= self._is_late(number)
                self._left_group(number, body[GROUP], freed)
                if self.d.revived:
                    self.d.revived = without(self.d.revived, (number,))

    def _left_group(self, number: int, name: str, freed: bool) -> None:
        group = self.d.groups[name]
        was_first = group.numbers is not None and group.numbers[1][0] == number
        rest = left(group, self._in_play, revived=number in self.d.revived)
        if rest is None:
            self.d.groups = self.d.groups.delete(name)
            return
        self.d.groups = self.d.groups.set(name, rest)
        if was_first or freed:
            self._next_of(name)

    def _in_play(self, number: int) -> bool:
        here: Numbered[Any] = members(self.q, self.d)
        return number in here and number not in self.d.dead and number not in self.d.moving

    def gone(self, numbers: Sequence[int]) -> list[tuple[int, Body]]:
        """Forget messages in this subscription, and altogether where no other needs them; return their bodies."""
        bodies = [(number, self.body(number)) for number in numbers]
        if self.d.past:
            self.d.past = without(self.d.past, numbers)
        if self.d.mine is None:
            self._remove(bodies)
        else:
            self.d.mine = self.d.mine.without(numbers)
            self._remove([each for each in bodies if self._paid(each[0])])
        return bodies

    def _paid(self, number: int) -> bool:
        """Note that one subscription needs the message no more. True: none does."""
        owed = self.q.owed[number] - 1
        self.q.owed = self.q.owed.set(number, owed) if owed else self.q.owed.delete(number)
        return not owed

    def _remove(self, bodies: list[tuple[int, Body]]) -> None:
        q, numbers = self.q, [number for number, _ in bodies]
        q.messages = q.messages.without(numbers)
        q.bytes -= sum([len(body[PAYLOAD]) for _, body in bodies])
        if q.since:
            q.since = without(q.since, numbers)


def _no_receive(d: Deliveries, lease: Lease, key: tuple[int, int]) -> None:
    receive = (lease.principal, lease.client, lease.sequence)
    rest = tuple([each for each in d.receives[receive] if each != key])
    d.receives = d.receives.set(receive, rest) if rest else d.receives.delete(receive)


def without(known: Any, numbers: Sequence[int]) -> Any:
    """Return a map without `numbers`; those that are not in it do not matter."""
    changed = known.mutate()
    for number in numbers:
        changed.pop(number, None)
    return changed.finish()

"""The messages of the log, as plainly as can be: where each is, who leases it, and what must never happen to it.

The rules of one shard are those of the product's own verifier (`streams.replay.queues`), which shares nothing with
decider or fold either. Here are those that one shard's events alone do not tell: groups and dedup ids across shards,
moves across queues, what was asked, and what consumers and producers were told.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues.replies import ReceiveWithdrawn
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.state import members
from streams.log.records import Commit, LoggedDecision
from streams.replay.queues.invariants import QueueInvariants
from streams.wire.keys import key_of
from tests.simulation.invariants import Judge, Sent
from tests.simulation.network import TENANT
from tests.simulation.queues.known import BECOMES, IN_PLAY, STANDING, UNDONE, Known, Place, claim_of, queue_of
from tests.simulation.subject import commands_of


class QueueBooks:
    """All messages of the accepted log."""

    def __init__(self, judge: Judge) -> None:
        self.messages: dict[Place, Known] = {}
        self._judge = judge
        self._fail = judge.fail
        self._put_in: dict[tuple[str, int, int], tuple[bytes, str | None]] = {}
        """(key, incarnation, number) of all that came: payload and dedup id."""
        self._subscriptions: dict[str, list[str]] = {}
        """By shard."""
        self._attempts: dict[str, int] = {}
        """The most that each queue ever gave a message."""
        self._window_ms: dict[str, int] = {}
        """The shortest for which each queue ever remembered ids."""
        self._verifier = QueueInvariants()
        self._groups: dict[tuple[str, str], dict[Place, Known]] = {}
        """What is in play of each group of each queue, in the order of the log."""
        self._dedup: dict[tuple[str, str], int] = {}
        self._origins: dict[tuple[str, str, str], str] = {}
        """(queue it came from, its id there, whose) of what was moved: where it is."""
        self._incarnations: dict[str, int] = {}
        self._lives: Counter[str] = Counter()
        """How often each queue was deleted."""
        self._put: dict[tuple[str, str, str], int] = {}

    def complain(self, code: str, what: str) -> None:
        """Hear of a rule of one shard that is broken."""
        self._fail(f"{code} {what}")

    # ── the log ─────────────────────────────────────────────────────────────────────────────────────────────

    def decided(
        self,
        commit: Commit,
        decision: LoggedDecision,
        events: Sequence[Any],
        first: int,
        sent_at: float,
        asked: Sequence[Sent],
    ) -> None:
        """Check and fold one decision of an accepted commit."""
        _ = sent_at
        for number, event in enumerate(events, first):
            if decision.command == "AckMessages" and isinstance(event, e.MessagesAcked):
                self._by_receipt(decision.key, event, commands_of(asked, c.AckMessages))
            self._verifier.event(number, event, decision, commit.lease_ms, self.complain)
            self._fold(decision.key, event)
        if decision.command and decision.reply:
            reply = self._judge.vocabulary.decode_reply(decision.reply)
            self._verifier.reply(reply, decision, self.complain)
            if isinstance(reply, ReceiveWithdrawn):
                self._withdrawn(decision, commands_of(asked, c.WithdrawReceive))

    def _fold(self, key: str, event: Any) -> None:
        match event:
            case e.MessagesEnqueued():
                for number, message in enumerate(event.messages, event.first):
                    self._enqueued(key, number, message, event)
            case e.MessagesDelivered():
                for each in event.messages:
                    self._delivered(self._known(key, event, each.message), each.attempt, event)
            case e.LeasesExtended():
                self._extended(key, event)
            case e.MessagesReturned():
                self._returned(key, event)
            case e.MessagesRedriven():
                self._redriven(key, event)
            case e.MessagesMoved():
                self._moved(key, event)
            case e.MessagesDied():
                numbers = [each.message for each in event.messages]
                self._over(key, event, numbers, "MOVING" if event.to else "DEAD", "DIED")
            case e.MovesFailed():
                self._over(key, event, [each.message for each in event.messages], "DEAD")
            case e.MessagesAcked() | e.MessagesPurged() | e.MessagesDue():
                self._over(key, event, event.messages, BECOMES[type(event)])
            case _:
                self._changed(key, event)

    def _changed(self, key: str, event: Any) -> None:
        match event:
            case e.QueueCreated():
                self._incarnations[key] = event.incarnation
                self._subscriptions[key] = [] if event.settings.broadcast else [""]
                self._ruled(queue_of(key), event.settings)
            case e.QueueConfigured():
                self._ruled(queue_of(key), event.settings)
            case e.QueueDeleted() | e.SubscriptionRemoved():
                self._deleted(key, event)
            case e.SubscriptionAdded():
                self._subscriptions[key].append(event.subscription)

    def _ruled(self, queue: str, settings: QueueSettings) -> None:
        most, window_ms = settings.max_attempts, settings.dedup_window_ms
        self._attempts[queue] = max(most, self._attempts.get(queue, most))
        self._window_ms[queue] = min(window_ms, self._window_ms.get(queue, window_ms))

    def _deleted(self, key: str, event: e.QueueDeleted | e.SubscriptionRemoved) -> None:
        """What was there is nobody's any more; who was handed a message cannot know."""
        gone = [event.subscription] if isinstance(event, e.SubscriptionRemoved) else self._subscriptions[key]
        self._subscriptions[key] = [each for each in self._subscriptions[key] if each not in gone]
        for known in self.messages.values():
            if known.place.key == key and known.place.subscription in gone and known.state in STANDING:
                known.state = "DELETED"
                if known.group is not None:
                    self._groups[known.queue, known.group].pop(known.place, None)
        if isinstance(event, e.QueueDeleted) and key == queue_of(key):
            self._lives[key] += 1
            self._dedup = {name: at for name, at in self._dedup.items() if name[0] != key}

    def _known(self, key: str, event: Any, number: int) -> Known:
        return self.messages[Place(key, self._incarnations[key], number, event.subscription)]

    def _enqueued(self, key: str, number: int, message: e.EnqueuedMessage, event: e.MessagesEnqueued) -> None:
        state, here = "DELAYED" if message.ready_at else "READY", (key, self._incarnations[key], number)
        self._put_in[here] = message.payload, message.dedup_id
        for name in self._subscriptions[key]:
            known = Known(
                Place(*here, name), message.payload, message.group, message.dedup_id, message.priority,
                event.at, state,
            )  # fmt: skip
            known.fresh, known.life = state == "READY", self._lives[queue_of(key)]
            self.messages[known.place] = known
            if message.group is not None:
                self._groups.setdefault((known.queue, message.group), {})[known.place] = known
        if message.origin is not None:
            origin = (message.origin.queue, message.origin.message, message.origin.subscription)
            if origin in self._origins:
                self._fail(f"{origin} is moved twice: to {self._origins[origin]} and to {here}")
            if self._subscriptions[key]:
                self._origins[origin] = key
        elif message.dedup_id is not None and self._subscriptions[key]:
            self._once(queue_of(key), message.dedup_id, event.at)
        if message.origin is None and message.group is not None:
            self._in_order(queue_of(key), message, event.client)

    def _once(self, queue: str, dedup_id: str, at: int) -> None:
        before = self._dedup.get((queue, dedup_id))
        if before is not None and at < before + self._window_ms[queue]:
            self._fail(f"{queue} takes {dedup_id} at {at}, though it came at {before}")
        self._dedup[queue, dedup_id] = at

    def _in_order(self, queue: str, message: e.EnqueuedMessage, client: str) -> None:
        """What one client puts into one group is enqueued in the order in which it was put."""
        sender, number = message.payload.decode().split("/")
        lane = (queue, sender, message.group or "")
        if int(number) < self._put.get(lane, 0):
            self._fail(f"{client} put {message} before message {self._put[lane]}")
        self._put[lane] = int(number)

    def _delivered(self, known: Known, attempt: int, event: e.MessagesDelivered) -> None:
        known.state, known.token, known.attempt = "LEASED", event.token, attempt
        known.expires_at = event.expires_at
        known.receive = (event.client, event.sequence)
        most = self._attempts[queue_of(known.place.key)]
        if attempt > most:
            self._fail(f"{known} is delivered more often than {most} times")
        if known.group is None:
            self._in_turn(known)
            return
        for other in self._groups[known.queue, known.group].values():
            if other is known:
                return
            if not (known.redriven or other.redriven):
                self._fail(f"{known} is delivered while {other} of its group was put before")

    def _in_turn(self, known: Known) -> None:
        """Of those in no group that nothing but their age tells apart, the oldest is first."""
        if not known.fresh:
            return
        for other in self.messages.values():
            if (
                other.place._replace(number=known.place.number) == known.place
                and other.state == "READY"
                and other.place.number < known.place.number
                and (other.group, other.priority, other.fresh) == (None, known.priority, True)
            ):
                self._fail(f"{known} is delivered before {other}")

    def _extended(self, key: str, event: e.LeasesExtended) -> None:
        for number in event.messages:
            known = self._known(key, event, number)
            if event.expires_at < known.expires_at:
                self._fail(f"{known} is leased until {event.expires_at} only: its lease was cut short")
            known.expires_at = event.expires_at

    def _returned(self, key: str, event: e.MessagesReturned) -> None:
        for each in event.messages:
            known = self._known(key, event, each.message)
            if event.cause == "EXPIRED" and each.attempts != known.attempt:
                self._fail(f"{known} has {each.attempts} attempts after its lease ended")
            self._over(key, event, (each.message,), "DELAYED" if each.ready_at else "READY", event.cause)

    def _over(self, key: str, event: Any, numbers: Sequence[int], state: str, how: str = "") -> None:
        for number in numbers:
            known = self._known(key, event, number)
            if known.state == "LEASED":
                self._judge.trust.ended(claim_of(known.place), known.token, how or state)
            known.state = state
            group = None if known.group is None else self._groups[known.queue, known.group]
            if group is not None and state not in IN_PLAY:
                group.pop(known.place, None)

    def _redriven(self, key: str, event: e.MessagesRedriven) -> None:
        self._over(key, event, event.messages, "MOVING" if event.to else "READY")
        self._over(key, event, [each.message for each in event.delayed], "DELAYED")
        for number in event.messages:
            known = self._known(key, event, number)
            known.redriven, known.fresh = True, False

    def _moved(self, key: str, event: e.MessagesMoved) -> None:
        queue, _, shard = key.partition("/")[2].partition("#")
        for number in event.messages:
            origin = (queue, f"{shard or 0}.{self._incarnations[key]}.{number}", event.subscription)
            if origin not in self._origins:
                self._fail(f"{origin} is gone, but nothing came to another queue")
        self._over(key, event, event.messages, "MOVED")

    def _by_receipt(self, key: str, event: e.MessagesAcked, asked: Sequence[c.AckMessages]) -> None:
        receipts = {(each.message, each.token) for command in asked for each in command.receipts}
        for number in event.messages:
            known = self._known(key, event, number)
            if known.state == "LEASED" and (number, known.token) not in receipts:
                self._fail(f"{known} is acknowledged by {receipts}")

    def _withdrawn(self, decision: LoggedDecision, asked: Sequence[c.WithdrawReceive]) -> None:
        for command in asked:
            receive = (decision.client, command.receive_sequence)
            for known in self.messages.values():
                if known.place.key == decision.key and known.state == "LEASED" and known.receive == receive:
                    self._fail(f"{known} is still leased, though its receive was withdrawn")

    def claims(self, place: Place) -> list[str]:
        """Return what nobody else may work on meanwhile: the message, and its group.

        What was redriven may have its group's younger ones in another shard.
        """
        known = self.messages.get(place)
        if known is None or known.group is None or known.redriven:
            return [claim_of(place)]
        return [claim_of(place), f"{known.queue}/{known.group}/{known.life}"]

    # ── what clients were told ──────────────────────────────────────────────────────────────────────────────

    def place(self, queue: str, shard: int, incarnation: int, number: int, subscription: str = "") -> Place:
        """Return where a message is."""
        key = key_of(TENANT, f"{queue}#{shard}" if shard else queue)
        return Place(key, incarnation, number, subscription)

    def put(self, place: Place, payload: bytes, dedup_id: str | None, *, duplicate: bool) -> None:
        """A producer was told that its message is in the queue."""
        known = self._put_in.get(place[:3])
        if known is None:
            self._fail(f"lost: {payload!r} is said to be at {place}, where the log has nothing")
        elif known[0] != payload if not duplicate else known[1] != dedup_id:
            self._fail(f"{payload!r} with dedup id {dedup_id} is said to be {known} ({duplicate=})")

    def handed_out(self, whom: str, place: Place, token: int, payload: bytes) -> None:
        """A consumer begins to work on a message, as it believes by a lease that holds."""
        if whom in self._judge.trust.revoked:
            return
        known = self.messages.get(place)
        if known is None or known.payload != payload:
            self._fail(f"{whom} is handed {payload!r} as {place}, the log has {known}")
        elif known.state != "DELETED" and (known.state != "LEASED" or known.token != token):
            self._fail(f"{whom} is handed {place} under token {token}, the log has {known}")

    def acked(self, whom: str, place: Place) -> None:
        """A consumer was told that its acknowledgement counts."""
        if self.messages[place].state != "ACKED":
            self._fail(f"{whom} acknowledged {self.messages[place]}, and was told so")

    # ── all of it ───────────────────────────────────────────────────────────────────────────────────────────

    def undone(self) -> list[Known]:
        """Return what must still be delivered or moved."""
        return [known for known in self.messages.values() if known.state in UNDONE]

    def compare(self, key: str, state: Any) -> None:
        """Check the fold: depth, and how many are in which state."""
        for name, sub in state.subscriptions.items():
            mine = Counter(
                known.state
                for known in self.messages.values()
                if (known.place.key, known.place.subscription) == (key, name)
            )
            depth = sum(mine[name] for name in STANDING)
            told = (depth, mine["LEASED"], mine["DEAD"], mine["MOVING"])
            folded = (len(members(state, sub)), len(sub.leased), len(sub.dead), len(sub.moving))
            if told != folded:
                self._fail(
                    f"{key}: by its events (depth, leased, dead, moving) is {told}, the fold has {folded}"
                )

"""The messages of the log, as plainly as can be: where each is, who leases it, and what must never happen to it.

The rules of one shard are those of the product's own verifier (`streams.replay.queues`), which shares nothing with
decider or fold either. Here are those that one shard's events alone do not tell: groups and dedup ids across shards,
moves across queues, what was asked, and what consumers and producers were told.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streams.domain.queues import commands as c
from streams.domain.queues import events as e
from streams.domain.queues.replies import ReceiveWithdrawn
from streams.domain.queues.settings import QueueSettings
from streams.log.records import Commit, LoggedDecision
from streams.replay.queues.invariants import QueueInvariants
from streams.wire.keys import key_of
from tests.simulation.invariants import Judge, Sent
from tests.simulation.network import TENANT
from tests.simulation.subject import commands_of

Place = tuple[str, int]
"""(key of the shard, number)"""
IN_PLAY = frozenset({"READY", "DELAYED", "LEASED"})
BECOMES = {e.MessagesAcked: "ACKED", e.MessagesPurged: "PURGED", e.MessagesDue: "READY"}
UNDONE = IN_PLAY | {"MOVING"}


@dataclass(slots=True)
class Known:
    """One message of the log."""

    place: Place
    payload: bytes
    group: str | None
    dedup_id: str | None
    priority: int
    at: int
    state: str
    """READY, DELAYED, LEASED, DEAD, MOVING, or how it ended: ACKED, PURGED, MOVED."""
    token: int = 0
    attempt: int = 0
    expires_at: int = 0
    receive: tuple[str, int] = ("", 0)
    """(client, sequence) of the receive that got it last."""
    redriven: bool = False
    fresh: bool = True
    """It was neither delayed nor a dead letter: its place is that of its number."""

    @property
    def queue(self) -> str:
        """The queue's key."""
        return self.place[0].partition("#")[0]


def claim_of(place: Place) -> str:
    """Return by which name a message is trusted."""
    return f"{place[0]}:{place[1]}"


class QueueBooks:
    """All messages of the accepted log."""

    def __init__(self, judge: Judge, rules: dict[str, QueueSettings]) -> None:
        self.messages: dict[Place, Known] = {}
        self._judge = judge
        self._fail = judge.fail
        self._rules = rules
        """By the key of the queue."""
        self._verifier = QueueInvariants()
        self._groups: dict[tuple[str, str], dict[Place, Known]] = {}
        """What is in play of each group of each queue, in the order of the log."""
        self._dedup: dict[tuple[str, str], int] = {}
        self._origins: dict[tuple[str, str], str] = {}
        """(queue it came from, its id there) of what was moved: where it is."""
        self._incarnations: dict[str, int] = {}
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
            case e.QueueCreated():
                self._incarnations[key] = event.incarnation
            case e.MessagesEnqueued():
                for number, message in enumerate(event.messages, event.first):
                    self._enqueued((key, number), message, event)
            case e.MessagesDelivered():
                for each in event.messages:
                    self._delivered(self.messages[key, each.message], each.attempt, event)
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
                self._over(key, numbers, "MOVING" if event.to else "DEAD", "DIED")
            case e.MovesFailed():
                self._over(key, [each.message for each in event.messages], "DEAD")
            case e.MessagesAcked() | e.MessagesPurged() | e.MessagesDue():
                self._over(key, event.messages, BECOMES[type(event)])

    def _enqueued(self, place: Place, message: e.EnqueuedMessage, event: e.MessagesEnqueued) -> None:
        state = "DELAYED" if message.ready_at else "READY"
        known = Known(
            place, message.payload, message.group, message.dedup_id, message.priority, event.at, state
        )
        known.fresh = state == "READY"
        self.messages[place] = known
        if message.group is not None:
            self._groups.setdefault((known.queue, message.group), {})[place] = known
        if message.origin is not None:
            origin = (message.origin.queue, message.origin.message)
            if origin in self._origins:
                self._fail(f"{origin} is moved twice: to {self._origins[origin]} and to {place}")
            self._origins[origin] = place[0]
        elif message.dedup_id is not None:
            self._once(known, message.dedup_id)
        if message.origin is None and message.group is not None:
            self._in_order(known, event.client)

    def _once(self, known: Known, dedup_id: str) -> None:
        before = self._dedup.get((known.queue, dedup_id))
        if before is not None and known.at < before + self._rules[known.queue].dedup_window_ms:
            self._fail(f"{known} has the dedup id of a message of lease time {before}")
        self._dedup[known.queue, dedup_id] = known.at

    def _in_order(self, known: Known, client: str) -> None:
        """What one client puts into one group is enqueued in the order in which it was put."""
        sender, number = known.payload.decode().split("/")
        lane = (known.queue, sender, known.group or "")
        if int(number) < self._put.get(lane, 0):
            self._fail(f"{client} put {known} before message {self._put[lane]}")
        self._put[lane] = int(number)

    def _delivered(self, known: Known, attempt: int, event: e.MessagesDelivered) -> None:
        known.state, known.token, known.attempt = "LEASED", event.token, attempt
        known.expires_at = event.expires_at
        known.receive = (event.client, event.sequence)
        if attempt > self._rules[known.queue].max_attempts:
            self._fail(f"{known} is delivered more often than {self._rules[known.queue].max_attempts} times")
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
                other.place[0] == known.place[0]
                and other.state == "READY"
                and other.place[1] < known.place[1]
                and (other.group, other.priority, other.fresh) == (None, known.priority, True)
            ):
                self._fail(f"{known} is delivered before {other}")

    def _extended(self, key: str, event: e.LeasesExtended) -> None:
        for number in event.messages:
            known = self.messages[key, number]
            if event.expires_at < known.expires_at:
                self._fail(f"{known} is leased until {event.expires_at} only: its lease was cut short")
            known.expires_at = event.expires_at

    def _returned(self, key: str, event: e.MessagesReturned) -> None:
        for each in event.messages:
            known = self.messages[key, each.message]
            if event.cause == "EXPIRED" and each.attempts != known.attempt:
                self._fail(f"{known} has {each.attempts} attempts after its lease ended")
            self._over(key, (each.message,), "DELAYED" if each.ready_at else "READY", event.cause)

    def _over(self, key: str, numbers: Sequence[int], state: str, how: str = "") -> None:
        for number in numbers:
            known = self.messages[key, number]
            if known.state == "LEASED":
                self._judge.trust.ended(claim_of(known.place), known.token, how or state)
            known.state = state
            group = None if known.group is None else self._groups[known.queue, known.group]
            if group is not None and state not in IN_PLAY:
                group.pop(known.place, None)

    def _redriven(self, key: str, event: e.MessagesRedriven) -> None:
        self._over(key, event.messages, "MOVING" if event.to else "READY")
        for number in event.messages:
            known = self.messages[key, number]
            known.redriven, known.fresh = True, False

    def _moved(self, key: str, event: e.MessagesMoved) -> None:
        queue, _, shard = key.partition("/")[2].partition("#")
        for number in event.messages:
            origin = (queue, f"{shard or 0}.{self._incarnations[key]}.{number}")
            if origin not in self._origins:
                self._fail(f"{origin} is gone, but nothing came to another queue")
        self._over(key, event.messages, "MOVED")

    def _by_receipt(self, key: str, event: e.MessagesAcked, asked: Sequence[c.AckMessages]) -> None:
        receipts = {(each.message, each.token) for command in asked for each in command.receipts}
        for number in event.messages:
            known = self.messages[key, number]
            if known.state == "LEASED" and (number, known.token) not in receipts:
                self._fail(f"{known} is acknowledged by {receipts}")

    def _withdrawn(self, decision: LoggedDecision, asked: Sequence[c.WithdrawReceive]) -> None:
        for command in asked:
            receive = (decision.client, command.receive_sequence)
            for known in self.messages.values():
                if known.place[0] == decision.key and known.state == "LEASED" and known.receive == receive:
                    self._fail(f"{known} is still leased, though its receive was withdrawn")

    def claims(self, place: Place) -> list[str]:
        """Return what nobody else may work on meanwhile: the message, and its group.

        What was redriven may have its group's younger ones in another shard.
        """
        known = self.messages.get(place)
        if known is None or known.group is None or known.redriven:
            return [claim_of(place)]
        return [claim_of(place), f"{known.queue}/{known.group}"]

    # ── what clients were told ──────────────────────────────────────────────────────────────────────────────

    def place(self, queue: str, shard: int, number: int) -> Place:
        """Return where a message is."""
        return key_of(TENANT, f"{queue}#{shard}" if shard else queue), number

    def put(self, place: Place, payload: bytes, dedup_id: str | None, *, duplicate: bool) -> None:
        """A producer was told that its message is in the queue."""
        known = self.messages.get(place)
        if known is None:
            self._fail(f"lost: {payload!r} is said to be at {place}, where the log has nothing")
        elif known.payload != payload if not duplicate else known.dedup_id != dedup_id:
            self._fail(f"{payload!r} with dedup id {dedup_id} is said to be {known} ({duplicate=})")

    def handed_out(self, whom: str, place: Place, token: int, payload: bytes) -> None:
        """A consumer begins to work on a message, as it believes by a lease that holds."""
        known = self.messages.get(place)
        if known is None or known.payload != payload:
            self._fail(f"{whom} is handed {payload!r} as {place}, the log has {known}")
        elif known.state != "LEASED" or known.token != token:
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
        mine = Counter(known.state for known in self.messages.values() if known.place[0] == key)
        sub = state.subscriptions.get("")
        if sub is None:
            return
        depth = sum(mine[name] for name in (*IN_PLAY, "DEAD", "MOVING"))
        told = (depth, mine["LEASED"], mine["DEAD"], mine["MOVING"])
        folded = (len(state.messages), len(sub.leased), len(sub.dead), len(sub.moving))
        if told != folded:
            self._fail(f"{key}: by its events (depth, leased, dead, moving) is {told}, the fold has {folded}")

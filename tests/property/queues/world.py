"""A shard under any commands, with the oracle beside it: what the one does, the other must have foretold."""

from dataclasses import replace
from typing import Any

from streams.domain.decider import TIMER, Context, Rejected, Requester, Tick
from streams.domain.queues import commands as c
from streams.domain.queues import decider
from streams.domain.queues import events as e
from streams.domain.queues.body import PAYLOAD
from streams.domain.queues.inspect import inspect
from streams.domain.queues.replies import EnqueueResult, MessagesAccepted
from streams.domain.queues.settings import QueueSettings
from streams.domain.queues.standing import standing
from streams.domain.queues.state import ABSENT, Queue, members
from streams.domain.queues.turns import order
from tests.property.queues.model import Message, Model
from tests.unit.queues.spec import NAME, ROUTE

PRINCIPAL = "alice"


class World:
    """One shard, one lease clock, one event number; every event and every state that there was."""

    def __init__(self, settings: QueueSettings, subscriptions: tuple[str, ...] = ("",)) -> None:
        self.settings = settings
        self.queue: Queue = decider.initial(NAME)
        self.now = self.sequence = 0
        self.number = 1
        self.events: list[e.Event] = []
        self.states: list[Queue] = [self.queue]
        self.models: dict[str, Model] = {}
        self.receipts: list[tuple[str, c.Receipt]] = []
        self.done: dict[tuple[str, int], bool] = {}
        self.dedup: dict[str, tuple[int, int]] = {}
        self.do(c.CreateQueue(NAME, 0, settings, ROUTE))
        for name in subscriptions:
            if name:
                self.do(c.AddSubscription(NAME, 0, name))
            self.models[name] = Model(settings, self.queue.incarnation)

    # ── the decider ─────────────────────────────────────────────────────────────────────────────────────

    def do(self, command: Any, who: Requester | None = None) -> tuple[tuple[e.Event, ...], Any]:
        self.sequence += 1
        who = who or Requester(PRINCIPAL, "c", "h", self.sequence)
        decision = decider.decide(command, who, self.queue, Context(self.now, 0, self.number))
        assert not (isinstance(decision.reply, Rejected) and decision.events)
        for event in decision.events:
            self.queue = decider.evolve(self.queue, event)
            self.events.append(event)
            self.states.append(self.queue)
            if isinstance(event, e.MessagesDelivered):
                self.foretold(event)
        self.number += len(decision.events)
        return decision.events, decision.reply

    def foretold(self, event: e.MessagesDelivered) -> None:
        """Check a delivery against the oracle, and let it have it."""
        model = self.models[event.subscription]
        most = 500
        if event.ticket is not None:
            sequence, most, _ = model.waits.pop(0)
            assert event.sequence == sequence
        assert not model.settings.paused
        chosen = model.turns(self.now)[:most]
        if event.ticket is None:
            chosen = chosen[: len(event.messages)]
        assert [(m.number, m.attempts + 1) for m in chosen] == [
            (a.message, a.attempt) for a in event.messages
        ]
        for m in chosen:
            assert (event.subscription, m.number) not in self.done, "acknowledged, and delivered again"
            assert m.attempts < self.settings.max_attempts
            m.state, m.token, m.expires_at = "LEASED", event.token, event.expires_at
            self.receipts.append((event.subscription, c.Receipt(m.number, event.token)))

    def pass_time(self, ms: int) -> None:
        """Let time pass, and the timer do all that is due."""
        self.now += ms
        for model in self.models.values():
            model.pass_to(self.now)
        self.tick()

    def tick(self) -> None:
        while (due := decider.next_deadline(self.queue)) is not None and due <= self.now:
            events, _ = self.do(Tick(), TIMER)
            assert events, "a Tick that was due decided nothing"

    # ── what is asked ───────────────────────────────────────────────────────────────────────────────────

    def put(self, messages: tuple[c.NewMessage, ...]) -> None:
        first = self.queue.next_message
        results, kept, fresh = [], list[Message](), dict[str, int]()
        for m in messages:
            known = fresh.get(m.dedup_id or "", 0)
            remembered = self.dedup.get(m.dedup_id or "", (0, 0))
            if not known and remembered[1] > self.now:
                known = remembered[0]
            if known:
                results.append(EnqueueResult(known, "DUPLICATE"))
                continue
            number = first + len(kept)
            if m.dedup_id is not None and self.settings.dedup_window_ms:
                fresh[m.dedup_id] = number
            ready_at = self.now + m.delay_ms if m.delay_ms else 0
            priority = self.settings.default_priority if m.priority < 0 else m.priority
            kept.append(Message(number, priority, m.group, ready_at or self.now, ready_at))
            results.append(EnqueueResult(number, "ENQUEUED"))
        for model in self.models.values():
            for each in kept:
                model.put(replace(each))
        for dedup_id, number in fresh.items():
            self.dedup[dedup_id] = (number, self.now + self.settings.dedup_window_ms)
        _, reply = self.do(c.EnqueueMessages(NAME, 0, 1, messages))
        assert reply == MessagesAccepted(self.queue.incarnation, tuple(results))

    def receive(self, name: str, most: int, wait_ms: int) -> None:
        model = self.models[name]
        expected = [] if model.waits else model.receive(most, self.now)
        sequence = self.sequence + 1
        if not expected and wait_ms:
            model.waits.append((sequence, most, self.now + wait_ms))
        events, _ = self.do(c.ReceiveMessages(NAME, 0, name, most, wait_ms, 0))
        delivered = [event for event in events if isinstance(event, e.MessagesDelivered)]
        assert sum(len(event.messages) for event in delivered) == len(expected)

    def finish(self, index: int, how: str, delay_ms: int = -1) -> None:
        """Do something with a receipt, old or new."""
        if not self.receipts:
            return
        name, receipt = self.receipts[index % len(self.receipts)]
        model = self.models[name]
        m = model.messages.get(receipt.message)
        good = m is not None and m.state == "LEASED" and m.token == receipt.token
        if good and m is not None:
            self._foretell(model, m, how, delay_ms)
            if how == "ack":
                self.done[name, m.number] = True
        reply = self._tell(name, receipt, how, delay_ms)
        assert isinstance(reply, Rejected) is not good
        if not good:
            assert reply.code == "RECEIPT_INVALID"

    def _foretell(self, model: Model, m: Message, how: str, delay_ms: int) -> None:
        if how == "ack":
            del model.messages[m.number]
        elif how == "extend":
            m.expires_at = max(m.expires_at, self.now + self.settings.lease_ms)
        else:
            model.back(m, self.now, 0 if how == "return" else delay_ms, counts=how == "nack")

    def _tell(self, name: str, receipt: c.Receipt, how: str, delay_ms: int) -> Any:
        if how == "ack":
            return self.do(c.AckMessages(NAME, 0, name, (receipt,)))[1]
        if how == "extend":
            return self.do(c.ExtendLeases(NAME, 0, name, (receipt,), 0))[1]
        returned = how == "return"
        return self.do(c.NackMessages(NAME, 0, name, (receipt,), delay_ms, "why", returned))[1]

    def withdraw(self, name: str, back: int) -> None:
        """Undo the receive so many commands ago, if it was one."""
        sequence, model = self.sequence - back, self.models[name]
        model.waits = [wait for wait in model.waits if wait[0] != sequence]
        taken = [
            ev.token
            for ev in self.events
            if isinstance(ev, e.MessagesDelivered) and (ev.subscription, ev.sequence) == (name, sequence)
        ]
        for m in model.messages.values():
            if m.state == "LEASED" and m.token in taken:
                model.back(m, self.now, 0, counts=False)
        self.do(c.WithdrawReceive(NAME, 0, name, sequence))

    def redrive(self, name: str, group: str | None, to: str | None) -> None:
        for m in self.models[name].messages.values():
            if m.state == "DEAD" and (group is None or m.group == group):
                m.state, m.attempts = ("MOVING", m.attempts) if to else ("READY", 0)
        self.do(c.RedriveMessages(NAME, 0, name, (), group, None, to, 500, False))

    def purge(self, name: str, state: c.State, limit: int) -> None:
        model = self.models[name]
        oldest = sorted(n for n, m in model.messages.items() if m.state == state)[:limit]
        for number in oldest:
            del model.messages[number]
            self.done[name, number] = True
        _, reply = self.do(c.PurgeMessages(NAME, 0, name, state, limit))
        assert list(reply.messages) == oldest

    def move(self, name: str, moved: bool) -> None:
        model = self.models[name]
        moving = sorted(n for n, m in model.messages.items() if m.state == "MOVING")[:2]
        for number in moving:
            if moved:
                del model.messages[number]
            else:
                model.messages[number].state = "DEAD"
        failed = () if moved else tuple(c.MoveFailure(n, "no such queue") for n in moving)
        done = tuple(moving) if moved else ()
        self.do(c.ConfirmMoves(NAME, 0, name, self.queue.incarnation, done, failed))

    def configure(self, **changed: Any) -> None:
        self.settings = replace(self.settings, **changed)
        for model in self.models.values():
            model.settings = self.settings
        self.do(c.ConfigureQueue(NAME, 0, self.settings, 0))

    # ── what must hold ──────────────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """Compare the shard with the oracle, message by message."""
        self.tick()
        queue, here = self.queue, dict[int, bool]()
        for name, model in self.models.items():
            sub = queue.subscriptions[name]
            found = {number: standing(sub, number) for number, _ in members(queue, sub).after(0)}
            assert found == {n: m.state for n, m in model.messages.items()}
            here |= dict.fromkeys(found, True)
            assert [number for _, number, _ in order(queue, sub, self.now)] == [
                m.number for m in model.turns(self.now)
            ]
            for number, m in model.messages.items():
                past = sub.past.get(number)
                assert (0 if past is None else past.attempts) == m.attempts
                assert sub.delayed.times.get(number, 0) == (m.ready_at if m.state == "DELAYED" else 0)
            assert [sub.waits[t].sequence for t in sorted(sub.waits)] == [w[0] for w in model.waits]
            self._check_numbers(name, model)
        assert [number for number, _ in queue.messages.after(0)] == sorted(here)
        assert queue.bytes == sum(len(body[PAYLOAD]) for _, body in queue.messages.after(0))

    def _check_numbers(self, name: str, model: Model) -> None:
        stats = inspect(c.InspectQueue(NAME, 0), self.queue, self.settings, Context(self.now, 0, self.number))
        (mine,) = (each for each in stats.subscriptions if each.subscription == name)
        counts = model.counts()
        assert (mine.ready, mine.delayed, mine.leased, mine.dead, mine.moving) == tuple(counts.values())
        in_play = [m for m in model.messages.values() if m.state not in ("DEAD", "MOVING")]
        sub = self.queue.subscriptions[name]
        assert sub.grouped == sum(m.group is not None for m in in_play)
        assert len(sub.ends) == len(sub.held)
        assert sum(held.left for held in sub.held.values()) == len(sub.leased)

    def check_replay(self) -> None:
        """Fold all events anew: the same states come out, and none of those that there were has changed."""
        queue: Queue = ABSENT
        for event, state in zip(self.events, self.states[1:], strict=True):
            queue = decider.evolve(queue, event)
            assert queue == state

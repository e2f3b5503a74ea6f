"""The oracle: a queue as plain as can be, which looks at every message every time."""

from dataclasses import dataclass

from streams.domain.queues.backoff import backoff_ms
from streams.domain.queues.settings import QueueSettings


@dataclass
class Message:
    number: int
    priority: int
    group: str | None
    since: int
    ready_at: int
    state: str = "READY"
    attempts: int = 0
    token: int = 0
    expires_at: int = 0


class Model:
    """One subscription: messages by number, waits in order as (sequence, most, until)."""

    def __init__(self, settings: QueueSettings, incarnation: int) -> None:
        self.settings, self.incarnation = settings, incarnation
        self.messages: dict[int, Message] = {}
        self.waits: list[tuple[int, int, int]] = []

    def put(self, message: Message) -> None:
        message.state = "DELAYED" if message.ready_at else "READY"
        self.messages[message.number] = message

    def turns(self, now: int) -> list[Message]:
        """Return what can be delivered, best first."""
        alive = [m for m in self.messages.values() if m.state in ("READY", "DELAYED", "LEASED")]
        busy = {m.group for m in alive if m.state == "LEASED"}
        first: dict[str | None, int] = {}
        for m in alive:
            first[m.group] = min(m.number, first.get(m.group, m.number))
        free = [
            m
            for m in alive
            if m.state == "READY"
            and (m.group is None or (m.group not in busy and m.number == first[m.group]))
        ]
        return sorted(free, key=lambda m: (-self.effective(m, now), m.since, m.number))

    def effective(self, m: Message, now: int) -> int:
        aging = self.settings.aging_ms
        return min(9, m.priority + (now - m.since) // aging) if aging else m.priority

    def receive(self, most: int, now: int) -> list[Message]:
        return [] if self.settings.paused else self.turns(now)[:most]

    def back(self, m: Message, now: int, delay: int, *, counts: bool) -> None:
        """End a lease without an acknowledgement."""
        m.attempts += counts
        if counts and m.attempts >= self.settings.max_attempts:
            m.state = "DEAD" if self.settings.dead_letter_queue is None else "MOVING"
            return
        if delay < 0:
            delay = backoff_ms(self.settings, self.incarnation, m.number, m.attempts) if counts else 0
        m.state, m.ready_at = ("DELAYED", now + delay) if delay else ("READY", 0)

    def pass_to(self, now: int) -> None:
        """Do what is due at `now`."""
        for m in self.messages.values():
            if m.state == "LEASED" and m.expires_at <= now:
                self.back(m, now, -1, counts=True)
        for m in self.messages.values():
            if m.state == "DELAYED" and m.ready_at <= now:
                m.state, m.ready_at = "READY", 0
        self.waits = [wait for wait in self.waits if wait[2] > now]

    def counts(self) -> dict[str, int]:
        states = [m.state for m in self.messages.values()]
        return {state: states.count(state) for state in ("READY", "DELAYED", "LEASED", "DEAD", "MOVING")}

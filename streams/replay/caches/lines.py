"""What must hold of listeners and their lines: leases, calls in order, one owner, grants only of what is in force."""

from typing import Any

from streams.domain.caches import events as e
from streams.log.records import LoggedDecision
from streams.replay.caches.shard import Line, Listener, Shard
from streams.replay.invariants import Complain
from streams.replay.sessions import EndedSessions


class LineChecks:
    """Checks and remembers what happens to listeners and lines of one shard."""

    def __init__(self, key: str, shard: Shard, ended: EndedSessions) -> None:
        self._key = key
        self._shard = shard
        self._ended = ended

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> bool:
        """Check one event; say whether it was of this sort."""
        match event:
            case e.ListenerJoined():
                self._joined(number, event, decision, lease_ms, complain)
            case e.ListenerHeard():
                self._heard(event, decision, lease_ms, complain)
            case e.LinesCalled():
                self._called(event, complain)
            case e.ListenerGone():
                self._gone(event, decision, lease_ms, complain)
            case e.LinesDropped():
                for held in event.lines:
                    self._dropped(held, complain)
            case e.LineLost():
                self._lost(event, lease_ms, complain)
            case e.LineGranted():
                self._granted(number, event, complain)
            case _:
                return False
        return True

    def _joined(
        self,
        number: int,
        event: e.ListenerJoined,
        decision: LoggedDecision,
        lease_ms: int,
        complain: Complain,
    ) -> None:
        key, who = self._key, (event.principal, event.client)
        if event.attachment != number:
            complain("TOKEN", f"{key}: attachment {event.attachment} instead of {number}")
        if who != (decision.principal, decision.client) or event.session != (decision.meta.session or ""):
            complain("STOLEN", f"{key}: {'/'.join(who)} was joined by {decision.principal}/{decision.client}")
        if event.expires_at > lease_ms + self._shard.settings.read_lease_ms:
            complain("LEASE", f"{key}: attachment {event.attachment} got more than a read lease")
        for attachment, other in self._shard.listeners.items():
            if other.who == who and other.gone is None:
                complain("CONFLICT", f"{key}: {'/'.join(who)} joined again while {attachment} listens")
        self._shard.listeners[event.attachment] = Listener(who, event.session, event.expires_at)

    def _heard(
        self, event: e.ListenerHeard, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        key, listener = self._key, self._live(event.attachment, event, complain)
        if listener is None:
            return
        if listener.who != (decision.principal, decision.client):
            complain("STOLEN", f"{key}: {event.attachment} was heard for {decision.client}")
        if not listener.acked <= event.after <= listener.posted:
            complain("CALLS", f"{key}: {event.attachment} acknowledged {event.after} of {listener.posted}")
        listener.acked = max(listener.acked, event.after)
        for number in [each for each in listener.open if each <= event.after]:
            del listener.open[number]
        oldest = min([at for _, at in listener.open.values()], default=lease_ms)
        most = max(listener.expires_at, oldest + self._shard.settings.read_lease_ms)
        if not listener.expires_at <= event.expires_at <= most:
            complain(
                "LEASE", f"{key}: the lease of {event.attachment} ends {event.expires_at}, {most} at the most"
            )
        listener.expires_at = event.expires_at
        for token in event.dropped:
            self._dropped(e.HeldLine(event.attachment, token), complain, leaving=False)

    def _called(self, event: e.LinesCalled, complain: Complain) -> None:
        listener = self._live(event.attachment, event, complain)
        if listener is None:
            return
        if event.after != listener.acked:
            complain(
                "CALLS", f"{self._key}: calls of {event.attachment} after {event.after}, not {listener.acked}"
            )
        for call in event.calls:
            if call.number != listener.posted + 1:
                complain(
                    "CALLS", f"{self._key}: call {call.number} of {event.attachment} after {listener.posted}"
                )
            if call.kind == "RESET":
                listener.reset = True
                listener.open.clear()
            if not listener.reset or call.kind == "RESET":
                listener.posted = call.number
                listener.open[call.number] = (call, event.at)
            self._do(event.attachment, call, complain)

    def _do(self, attachment: int, call: e.LineCall, complain: Complain) -> None:
        if call.kind == "RESET":
            return
        entry = self._shard.entry(call.entry)
        line = entry.lines.get(attachment)
        if line is None or line.token > call.token:
            complain(
                "NO_SUCH_LINE", f"{self._key}: {attachment} was called for {call.entry}, which it has not"
            )
            return
        if call.kind == "INVALIDATE":
            self._shard.put_line(call.entry, attachment, None)
            entry.owing[attachment] = call.number
        elif call.kind == "SHARE":
            line.state = "SHARED"
        elif line.state != "MODIFIED":
            complain(
                "NO_SUCH_LINE", f"{self._key}: {attachment} is to write back {call.entry}, {line.state} there"
            )

    def _gone(
        self, event: e.ListenerGone, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        key, listener = self._key, self._live(event.attachment, event, complain)
        if listener is None:
            return
        if event.cause == "LEASE_OVER" and lease_ms < listener.expires_at:
            complain(
                "EARLY",
                f"{key}: {event.attachment} ended {listener.expires_at - lease_ms} ms before its lease",
            )
        if event.cause == "SESSION_ENDED" and not self._ended.was_told(decision.tenant, listener.session):
            complain(
                "EARLY", f"{key}: {event.attachment} ended with {listener.session}, which has not ended here"
            )
        if event.cause in ("LEFT", "REJOINED") and listener.who != (decision.principal, decision.client):
            complain("STOLEN", f"{key}: {event.attachment} {event.cause.lower()} for {decision.client}")
        self._shard.leave(listener, event.cause)
        self._forget_if_empty(event.attachment)

    def _dropped(self, held: e.HeldLine, complain: Complain, *, leaving: bool = True) -> None:
        listener = self._shard.listeners.get(held.attachment)
        name = None if listener is None else listener.lines.get(held.token)
        if listener is None or name is None:
            complain(
                "NO_SUCH_LINE",
                f"{self._key}: line {held.token} of {held.attachment} was dropped, and is not there",
            )
            return
        if self._shard.entry(name).lines[held.attachment].state == "MODIFIED":
            complain(
                "LOST", f"{self._key}: the Modified line {held.token} of {name} was dropped without a word"
            )
        if leaving and listener.gone is None:
            complain("EARLY", f"{self._key}: a line of {held.attachment}, which still listens, was dropped")
        self._shard.put_line(name, held.attachment, None)
        self._forget_if_empty(held.attachment)

    def _lost(self, event: e.LineLost, lease_ms: int, complain: Complain) -> None:
        entry, listener = self._shard.entry(event.entry), self._shard.listeners.get(event.attachment)
        line = entry.lines.get(event.attachment)
        if line is None or (line.state, line.token) != ("MODIFIED", event.token):
            complain(
                "NO_SUCH_LINE", f"{self._key}: {event.token} of {event.entry} was lost, and was not Modified"
            )
            return
        if event.cause == "EXPIRED":
            if not 0 < entry.expires_at <= lease_ms:
                complain(
                    "EARLY", f"{self._key}: {event.entry} expired {entry.expires_at - lease_ms} ms early"
                )
        elif event.cause != "DROPPED" and (listener is None or listener.gone != event.cause):
            complain(
                "EARLY",
                f"{self._key}: a line of {event.attachment} was lost as {event.cause}, which it is not",
            )
        self._shard.put_line(event.entry, event.attachment, None)
        _recalled(entry)
        self._forget_if_empty(event.attachment)

    def _granted(self, number: int, event: e.LineGranted, complain: Complain) -> None:
        key, entry = self._key, self._shard.entry(event.entry)
        others = {each: line for each, line in entry.lines.items() if each != event.attachment}
        if event.token != number:
            complain("TOKEN", f"{key}: a line of {event.entry} has token {event.token} instead of {number}")
        if entry.change is not None:
            complain("CHANGING", f"{key}: {event.entry} was granted {event.state} during a {entry.change}")
        if not entry.has_value or event.version != entry.version:
            complain(
                "STALE",
                f"{key}: version {event.version} of {event.entry} was read, {entry.version} is in force",
            )
        kept = event.state != "INVALID"
        if any(line.state == "MODIFIED" or (kept and line.state == "EXCLUSIVE") for line in others.values()):
            complain("CONFLICT", f"{key}: {event.entry} was granted {event.state} while another owns it")
        if event.state in ("EXCLUSIVE", "MODIFIED") and others:
            complain("CONFLICT", f"{key}: {event.entry} was granted {event.state} while others share it")
        if kept:
            grant(self._shard, key, event, complain)

    def _live(self, attachment: int, event: Any, complain: Complain) -> Listener | None:
        listener = self._shard.listeners.get(attachment)
        if listener is not None and listener.gone is None:
            return listener
        complain(
            "NO_SUCH_LISTENER", f"{self._key}: {type(event).__name__} of {attachment}, which does not listen"
        )
        return None

    def _forget_if_empty(self, attachment: int) -> None:
        listener = self._shard.listeners.get(attachment)
        if listener is not None and listener.gone is not None and not listener.lines:
            del self._shard.listeners[attachment]


def grant(shard: Shard, key: str, event: e.LineGranted | e.EntryWritten, complain: Complain) -> None:
    """Give the line that an event grants to whoever asked."""
    listener = shard.listeners.get(event.attachment)
    if listener is None or listener.gone is not None or listener.reset:
        complain(
            "NO_SUCH_LISTENER",
            f"{key}: a line of {event.entry} went to {event.attachment}, which may get none",
        )
    elif listener.who != (event.principal, event.client):
        complain(
            "STOLEN", f"{key}: a line for {event.client} went to {event.attachment} of {listener.who[1]}"
        )
    shard.put_line(event.entry, event.attachment, Line(event.state, event.token))


def _recalled(entry: Any) -> None:
    if entry.change == "RECALL":
        entry.change = None

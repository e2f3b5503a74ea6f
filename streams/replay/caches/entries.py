"""What must hold of entries: one change at a time, no strict one before all have acknowledged, one loader."""

from typing import Any

from streams.domain.caches import events as e
from streams.log.records import LoggedDecision
from streams.replay.caches.lines import grant
from streams.replay.caches.shard import Entry, Line, Shard
from streams.replay.invariants import Complain


class EntryChecks:
    """Checks and remembers what happens to entries of one shard, and to those who wait for them."""

    def __init__(self, key: str, shard: Shard) -> None:
        self._key = key
        self._shard = shard

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        """Check one event, if it is of this sort."""
        ticket = getattr(event, "ticket", 0)
        if isinstance(event, e.WaitStarted):
            self._token(ticket, number, complain)
            self._shard.waits[ticket] = event
            return
        if ticket and not isinstance(event, e.ChangeStarted | e.TagInvalidated | e.TagCleared):
            self._wait_over(ticket, event, lease_ms, complain)
        self._of_entry(number, event, decision, lease_ms, complain)

    def _of_entry(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        match event:
            case e.ChangeStarted():
                self._change(event, complain)
            case e.EntryWritten():
                self._written(number, event, decision, complain)
            case e.EntryWrittenBack():
                self._written_back(number, event, decision, complain)
            case e.EntryDeleted():
                self._changed(event.entry, (event.principal, event.client), complain)
                self._remove(event.entry)
            case e.EntriesRemoved():
                for name in event.entries:
                    self._removed(name, event.cause, lease_ms, complain)
            case e.EntriesWarmed():
                self._token(event.token, number, complain)
                for each in event.entries:
                    self._warmed(event.token, each, complain)
            case e.FillStarted():
                self._fill(number, event, complain)
            case e.FillEnded():
                self._fill_ended(event, lease_ms, complain)
            case _:
                pass

    def _change(self, event: e.ChangeStarted, complain: Complain) -> None:
        entry = self._shard.entry(event.entry)
        if entry.change not in (None, "RECALL"):
            complain(
                "CHANGING", f"{self._key}: a {event.purpose} of {event.entry} began during a {entry.change}"
            )
        if event.purpose == "RECALL":
            if not any(line.state == "MODIFIED" for line in entry.lines.values()):
                complain(
                    "NO_SUCH_LINE", f"{self._key}: {event.entry} is recalled, and nobody has it Modified"
                )
        else:
            entry.filler = None
        if event.purpose not in ("RECALL", "WRITE"):
            entry.has_value = False
        entry.change = event.purpose

    def _written(
        self, number: int, event: e.EntryWritten, decision: LoggedDecision, complain: Complain
    ) -> None:
        name = event.entry
        self._token(event.token, number, complain)
        self._changed(name, (event.principal, event.client), complain)
        if event.cause == "FILLED":
            filler = self._shard.entry(name).filler
            if filler is None or filler[1] != (decision.principal, decision.client):
                complain(
                    "STOLEN", f"{self._key}: {name} was filled by {decision.client}, who was not to load it"
                )
        entry = self._shard.clear(name)
        entry.has_value, entry.version, entry.expires_at = True, event.token, event.expires_at
        if event.state != "INVALID":
            grant(self._shard, self._key, event, complain)

    def _changed(self, name: str, by: tuple[str, str] | None, complain: Complain) -> None:
        """Check that nobody may still trust what the entry was: `by` gave up its line itself."""
        entry = self._shard.entry(name)
        late = self._shard.unacknowledged(entry)
        if late:
            complain("UNACKNOWLEDGED", f"{self._key}: {name} was changed before {late[:10]} acknowledged")
        left = [each for each in entry.lines if self._shard.listeners[each].who != by]
        if left:
            complain("CONFLICT", f"{self._key}: {name} was changed while {left[:10]} had lines of it")

    def _written_back(
        self, number: int, event: e.EntryWrittenBack, decision: LoggedDecision, complain: Complain
    ) -> None:
        entry, listener = self._shard.entry(event.entry), self._shard.listeners.get(event.attachment)
        line = entry.lines.get(event.attachment)
        self._token(event.token, number, complain)
        if line is None or line.state != "MODIFIED":
            complain(
                "NO_SUCH_LINE", f"{self._key}: {event.attachment} wrote back {event.entry}, and had lost it"
            )
        if listener is None or listener.who != (decision.principal, decision.client):
            complain(
                "STOLEN", f"{self._key}: {decision.client} wrote back {event.entry} for {event.attachment}"
            )
        if entry.change is not None and event.state in ("EXCLUSIVE", "MODIFIED"):
            complain(
                "CHANGING", f"{self._key}: {event.entry} was kept {event.state} although others wait for it"
            )
        kept = None if event.state == "INVALID" else Line(event.state, event.token)
        self._shard.put_line(event.entry, event.attachment, kept)
        entry.change = None if entry.change == "RECALL" else entry.change
        entry.version, entry.expires_at = event.token, event.expires_at

    def _removed(self, name: str, cause: e.Removal, lease_ms: int, complain: Complain) -> None:
        entry = self._shard.entry(name)
        if cause == "EXPIRED":
            if not 0 < entry.expires_at <= lease_ms:
                complain("EARLY", f"{self._key}: {name} expired {entry.expires_at - lease_ms} ms early")
            if any(line.state == "MODIFIED" for line in entry.lines.values()):
                complain("LOST", f"{self._key}: the Modified line of {name} expired without a word")
        else:
            self._changed(name, None, complain)
        self._remove(name)

    def _remove(self, name: str) -> None:
        self._shard.clear(name)
        del self._shard.entries[name]

    def _warmed(self, token: int, new: e.WarmEntry, complain: Complain) -> None:
        entry = self._shard.entry(new.entry)
        if entry.has_value or entry.change is not None:
            complain("CHANGING", f"{self._key}: {new.entry} was warmed over what was there")
        entry = self._shard.clear(new.entry)
        entry.has_value, entry.version, entry.expires_at = True, token, new.expires_at

    def _fill(self, number: int, event: e.FillStarted, complain: Complain) -> None:
        entry = self._shard.entry(event.entry)
        self._token(event.token, number, complain)
        if entry.has_value or entry.filler is not None or entry.change is not None:
            complain(
                "CONFLICT",
                f"{self._key}: {event.client} is to load {event.entry}, which is there or on its way",
            )
        entry.filler = (event.token, (event.principal, event.client), event.expires_at)
        listener = self._shard.listeners.get(event.attachment)
        if listener is not None and listener.gone is None:
            listener.loads[event.entry] = event.token

    def _fill_ended(self, event: e.FillEnded, lease_ms: int, complain: Complain) -> None:
        entry = self._shard.entry(event.entry)
        filler = entry.filler
        if filler is None or filler[0] != event.token:
            complain(
                "NO_SUCH_LEASE",
                f"{self._key}: the load {event.token} of {event.entry} ended, and was not open",
            )
        elif event.cause == "TIMED_OUT" and lease_ms < filler[2]:
            complain("EARLY", f"{self._key}: the load of {event.entry} ended {filler[2] - lease_ms} ms early")
        entry.filler = None
        if entry == Entry():
            del self._shard.entries[event.entry]

    def _wait_over(self, ticket: int, event: Any, lease_ms: int, complain: Complain) -> None:
        wait = self._shard.waits.pop(ticket, None)
        if wait is None or wait.entry != event.entry:
            complain(
                "NO_SUCH_WAIT",
                f"{self._key}: {type(event).__name__} ends ticket {ticket}, which does not wait",
            )
        elif (wait.principal, wait.client, wait.sequence) != (event.principal, event.client, event.sequence):
            complain(
                "STOLEN", f"{self._key}: ticket {ticket} of {wait.client} was settled for {event.client}"
            )
        elif isinstance(event, e.WaitEnded) and event.cause == "TIMED_OUT" and lease_ms < wait.wait_until:
            complain("EARLY", f"{self._key}: ticket {ticket} timed out {wait.wait_until - lease_ms} ms early")

    def _token(self, token: int, number: int, complain: Complain) -> None:
        if token != number:
            complain("TOKEN", f"{self._key}: token or ticket {token} instead of {number}")

"""What the events of a shard mean for one entry, in sentences. Pure.

Told from the shard before and after each event, as the kind's own fold has it: whose line an event ends, whom a change
still waits for.
"""

from collections.abc import Iterator
from typing import Any

from streams.domain.caches import events as e
from streams.domain.caches.state import BLANK, Cache
from streams.replay.caches.endings import WHY, EndingKind
from streams.replay.caches.phrases import GONE, PURPOSE, REQUEST, WAIT_END, behind, holder, name
from streams.replay.caches.steps import Told
from streams.replay.causes import Cause
from streams.replay.locks.phrases import actor, duration


class EntryStory:
    """Tells the events of one shard one by one, as far as they concern the entry."""

    def __init__(self, entry: str) -> None:
        self.entry = entry
        self._since: dict[int, int] = {}
        """When waits began and clients were called, ms: by ticket, by attachment."""

    def tell(self, before: Cache, event: Any, after: Cache, cause: Cause) -> Iterator[Told]:
        """Yield what an event did to the entry."""
        match event:
            case e.LinesCalled():
                yield from self._called(before, event, cause)
            case e.ListenerHeard() | e.ListenerGone():
                yield from self._released(before, event, after, cause)
            case e.LinesDropped():
                lines = before.entries.get(self.entry, BLANK).lines
                for held in event.lines:
                    line = lines.get(held.attachment)
                    if line is not None and line.token == held.token:
                        why = GONE[before.listeners[held.attachment].gone]
                        text = (
                            f"The {line.state} line of {holder(before, held.attachment)} ended with it: {why}"
                        )
                        yield Told("LINE_ENDED", text, held.attachment, 0, holder(before, held.attachment))
            case e.CacheClosing() if self.entry in before.entries:
                yield Told("CLOSED", f"The cache was deleted by {actor(cause)}, and all in it")
            case e.TagInvalidated() if event.tag in before.entries.get(self.entry, BLANK).tags:
                yield Told("TAG", f"Its tag {event.tag} was invalidated by {name(event)}")
            case e.EntriesRemoved() if self.entry in event.entries:
                yield Told("REMOVED", f"Its value was removed. {_why(event.cause)}")
            case e.EntriesWarmed() if any(each.entry == self.entry for each in event.entries):
                yield Told("WARMED", f"Put in by {actor(cause)}, as it was missing: version {event.token}")
            case _ if getattr(event, "entry", None) == self.entry:
                yield from self._own(before, event, cause)

    # ── what names the entry ────────────────────────────────────────────────────────────────────────────

    def _own(self, before: Cache, event: Any, cause: Cause) -> Iterator[Told]:
        match event:
            case e.WaitStarted():
                self._since[event.ticket] = cause.time_ms
                why = behind(before, before.entries.get(self.entry, BLANK), event)
                text = f"The {REQUEST[event.request]} of {name(event)} had to wait: {why}"
                what = f"{REQUEST[event.request]} of {name(event)}"
                yield Told("WAITS", text, event.attachment, event.ticket, what)
            case e.WaitEnded():
                request = REQUEST[before.waits[event.ticket].request]
                why = WAIT_END[event.cause]
                text = f"The {request} of {name(event)} ended{self._waited(event, cause)} with nothing: {why}"
                yield Told("WAIT_ENDED", text, 0, event.ticket)
            case e.ChangeStarted():
                yield Told("CHANGE", self._change(before, event), 0, event.ticket)
            case e.LineGranted():
                kept = "" if event.state == "INVALID" else f", and kept it {event.state} under {event.token}"
                text = f"Read by {name(event)}{self._waited(event, cause)}: version {event.version}{kept}"
                yield Told("READ", text, event.attachment if kept else 0, event.ticket)
            case e.EntryWritten():
                yield self._written(before, event, cause)
            case e.EntryWrittenBack():
                unchanged = ", unchanged" if event.value is None else ""
                text = f"Written back by {holder(before, event.attachment)}{unchanged}: version {event.token}"
                kept = _kept(event.state)
                who = holder(before, event.attachment)
                yield Told("WRITTEN_BACK", text + kept, event.attachment if kept else 0, 0, who)
            case e.EntryDeleted():
                was = f"it was of version {event.version}" if event.version else "there was no value"
                text = f"Deleted by {name(event)}{self._waited(event, cause)}: {was}"
                yield Told("DELETED", text, 0, event.ticket)
            case e.LineLost():
                self._since.pop(event.attachment, None)
                text = f"What {name(event)} wrote to its MODIFIED line and had not brought back is lost"
                yield Told("LINE_LOST", f"{text}: {GONE[event.cause]}", event.attachment, 0, name(event))
            case e.FillStarted():
                lease = duration(max(0, event.expires_at - cause.lease_ms))
                text = f"{name(event)} was to load it{self._waited(event, cause)}, within {lease}"
                yield Told("LOADS", text, 0, event.ticket)
            case e.FillEnded():
                reason = f" ({event.reason})" if event.reason else ""
                yield Told("LOAD_ENDED", f"Loading it came to nothing: {event.cause}{reason}")

    def _change(self, before: Cache, event: e.ChangeStarted) -> str:
        if event.purpose == "RECALL":
            return "From here on others wait, as it is to be written back first"
        wait = before.waits.get(event.ticket)
        whose = "" if wait is None else f", by {name(wait)}"
        return f"From here on its lines end, as {PURPOSE[event.purpose]}{whose}; others wait"

    def _written(self, before: Cache, event: e.EntryWritten, cause: Cause) -> Told:
        content = before.waits[event.ticket].value if event.ticket else event.value
        how = "Loaded" if event.cause == "FILLED" else "Written"
        tags = f", tags {', '.join(event.tags)}" if event.tags else ""
        text = (
            f"{how} by {name(event)}{self._waited(event, cause)}: version {event.token}, {len(content or b''):,} bytes"
            f"{tags}{_kept(event.state)}"
        )
        return Told("WRITTEN", text, 0 if event.state == "INVALID" else event.attachment, event.ticket)

    def _waited(self, event: Any, cause: Cause) -> str:
        since = self._since.pop(event.ticket, None) if event.ticket else None
        return "" if since is None else f", after a wait of {duration(max(0, cause.time_ms - since))}"

    # ── clients that are called ─────────────────────────────────────────────────────────────────────────

    def _called(self, before: Cache, event: e.LinesCalled, cause: Cause) -> Iterator[Told]:
        entry = before.entries.get(self.entry, BLANK)
        line = entry.lines.get(event.attachment)
        for call in event.calls:
            if line is None or call.entry not in ("", self.entry):
                continue
            if entry.change is not None:
                self._since[event.attachment] = cause.time_ms
            whose = f"The {line.state} line of {name(event)}"
            match call.kind:
                case "INVALIDATE":
                    why = self._purpose(before, cause)
                    yield Told("INVALIDATED", f"{whose} ended: {why}", event.attachment, 0, name(event))
                case "WRITE_BACK":
                    yield Told("CALLED", f"{name(event)} was to bring back what it wrote", event.attachment)
                case "SHARE":
                    text = f"{whose} became SHARED: another client reads it, too"
                    yield Told("CALLED", text, event.attachment)
                case "RESET":
                    text = f"{name(event)} was to drop all its lines. {_why('RESET')}"
                    yield Told("CALLED", text, event.attachment)

    def _purpose(self, before: Cache, cause: Cause) -> str:
        change = before.entries[self.entry].change
        if change is None:
            return f"it changed at once, by {actor(cause)}"
        wait = before.waits.get(change.ticket)
        return PURPOSE[change.purpose] + ("" if wait is None else f", by {name(wait)}")

    def _released(
        self, before: Cache, event: e.ListenerHeard | e.ListenerGone, after: Cache, cause: Cause
    ) -> Iterator[Told]:
        entry, attachment = before.entries.get(self.entry, BLANK), event.attachment
        line = entry.lines.get(attachment)
        awaited = entry.change is not None and attachment in entry.change.awaits
        gone = isinstance(event, e.ListenerGone)
        since = self._since.pop(attachment, None) if awaited or gone else None
        after_ms = "" if since is None else f", {duration(max(0, cause.time_ms - since))} after it was called"
        if isinstance(event, e.ListenerGone):
            why = GONE[event.cause] + (f" ({event.why})" if event.why else "")
            if awaited:
                yield Told(
                    "GONE",
                    f"{name(event)} was waited for no longer{after_ms}: {why}",
                    attachment,
                    0,
                    name(event),
                )
            elif line is not None:
                yield Told("GONE", f"{name(event)}, whose line was {line.state}, is gone: {why}", attachment)
            return
        change = after.entries.get(self.entry, BLANK).change
        if awaited and (change is None or attachment not in change.awaits):
            yield Told("ACKNOWLEDGED", f"{name(event)} acknowledged{after_ms}", attachment, 0, name(event))
        if line is not None and line.token in event.dropped:
            text = (
                f"{name(event)} gave up its {line.state} line by itself: its own cache was full, or it closed"
            )
            yield Told("LINE_ENDED", text, attachment, 0, name(event))


def _why(kind: EndingKind) -> str:
    """Return why, without the full stop, which the line that it ends has."""
    return WHY[kind].removesuffix(".")


def _kept(state: str) -> str:
    return "" if state == "INVALID" else f", kept {state}"

"""Planted bugs of caches: directory, fold, client library. Each must be found."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from streams.domain.caches import advance, inspect, listen, read, write
from streams.domain.caches import events as e
from streams.domain.caches.advance import start_fill
from streams.domain.caches.replies import Calls, EntryRead, EntryStored
from streams.domain.caches.settle import outcome
from streams.domain.decider import Decision
from tests.simulation.caches.subject import RELEASES
from tests.simulation.mutants.library import LIBRARY
from tests.simulation.mutants.mutant import Mutant
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.lines import NEVER
from tidelock.client.caches.listener import Listener
from tidelock.client.caches.memory import Memory

_acknowledge, _missing, _write_back, _state = (
    listen._acknowledge,
    read._missing,
    write.write_back,
    advance._state,
)
_granted, _obey, _give_up, _take, _void = Desk.granted, Desk.obey, Desk.give_up, Listener._take, Desk.void
_back, _attached, _read = Desk.write_back, inspect.attached, read.read


# ── directory ───────────────────────────────────────────────────────────────────────────────────────────────


def _waits_for_nobody() -> list[tuple[Any, str, Any]]:
    never = lambda *_, **__: False  # noqa: E731
    return [(write, "waits_for_lines", never), (advance, "waits_for_lines", never)]


def _all_done(draft: Any, listener: Any, after: int) -> int:
    _ = after
    return int(_acknowledge(draft, listener, listener.posted))


def _loads_too(command: Any, draft: Any, wait: Any, who: Any) -> Any:
    entry = draft.entry(command.entry)
    if not command.fill or entry.fill is None:
        return _missing(command, draft, wait, who)
    return draft.decision(outcome(start_fill(draft, wait)))


def _late_but_welcome(command: Any, who: Any, draft: Any) -> Any:
    decision = _write_back(command, who, draft)
    entry = draft.entry(command.entry)
    if isinstance(decision.reply, EntryStored) or entry.value is None or command.value is None:
        return decision
    token = draft.next_token
    event = e.EntryWrittenBack(command.attachment, command.entry, token, "INVALID", command.value, 0)
    draft.add(event, command.entry)
    return draft.decision(EntryStored(command.entry, token, command.attachment, 0, "INVALID", 0, 0))


def _always_alone(draft: Any, wait: Any, entry: Any) -> Any:
    state = _state(draft, wait, entry)
    return "EXCLUSIVE" if state == "SHARED" else state


def _no_owner() -> list[tuple[Any, str, Any]]:
    return [(read, "owner_of", lambda _: 0), (advance, "owner_of", lambda _: 0)]


def _reads_meanwhile(command: Any, who: Any, draft: Any) -> Any:
    entry = draft.entry(command.entry)
    if entry.change is None or entry.value is None or entry.change.purpose == "RECALL":
        return _read(command, who, draft)
    found = EntryRead(command.entry, True, entry.version, 0, 0, "INVALID", entry.expires_at, 0)
    draft.serve(command.entry, entry.value)
    return Decision((), found, after=draft.cache)


def lossy(lost: list[Any]) -> list[tuple[Any, str, Any]]:
    """Return patches by which the directory does not tell every third call; which, is noted."""

    def told(cache: Any, reply: Any) -> Any:
        found = _attached(cache, reply)
        if not isinstance(reply, Calls):
            return found
        lost.extend(call for call in found if isinstance(call, e.LineCall) and not call.number % 3)
        return tuple(call for call in found if isinstance(call, e.LineCall) and call.number % 3)

    return [(RELEASES.vocabulary(level).kind, "attached", told) for level in (1, 2)]


# ── client library ──────────────────────────────────────────────────────────────────────────────────────────


def _no_gaps(self: Any, call: Any) -> None:
    if call.kind != "RESET" and self._processed < call.number - 1:
        self._processed = call.number - 1
    _take(self, call)


def _obeys_soon(self: Any, call: Any) -> None:
    if call.kind == "INVALIDATE":
        asyncio.get_running_loop().call_later(0.4, _obey, self, call)
    else:
        _obey(self, call)


def _keeps_its_own(self: Any, entry: str) -> Any:
    line = self.lines.by_entry.get(entry)
    ends_s = None if line is None else line.ends_s
    told = _give_up(self, entry)
    if line is not None:
        line.ends_s = ends_s
        self.lines.put(line)
    return told


def _without_end(self: Any, reply: Any, *rest: Any, **more: Any) -> None:
    _granted(self, replace(reply, expires_at=0), *rest, **more)


def _keeps_old_lines(self: Any, why: str) -> None:
    kept = [(line, line.ends_s) for line in self.lines.by_entry.values() if line.state != "MODIFIED"]
    _void(self, why)
    for line, ends_s in kept:
        line.ends_s = ends_s
        self.lines.put(line)


def _trusts_always(self: Any) -> float:
    return float("inf") if self.attachment else NEVER


def _used_meanwhile(self: Any, line: Any, keep: Any) -> None:
    ends_s = line.ends_s
    _back(self, line, keep)
    line.ends_s = ends_s


def _never_dropped(self: Any, call: Any) -> None:
    if call.kind != "INVALIDATE":
        _obey(self, call)


def _of_library(name: str) -> Iterator[tuple[Any, str, Any]]:
    return iter(next(mutant for mutant in LIBRARY if mutant.name == name).patches())


MUTANTS = (
    Mutant(
        "waits for nobody",
        "a strict write is answered before its sharers have acknowledged",
        _waits_for_nobody,
    ),
    Mutant(
        "all done",
        "whoever listens again has acknowledged all there is",
        lambda: [(listen, "_acknowledge", _all_done)],
    ),
    Mutant(
        "two fillers",
        "who misses what is being loaded loads it, too",
        lambda: [(read, "_missing", _loads_too)],
    ),
    Mutant(
        "late write-back",
        "what is written back to a lost line is taken",
        lambda: [(write, "write_back", _late_but_welcome)],
        first_history=10,
    ),
    Mutant(
        "always alone",
        "a line is Exclusive though others have it",
        lambda: [(advance, "_state", _always_alone)],
    ),
    Mutant("no owner", "the directory's value is given out though somebody may have written", _no_owner),
    Mutant(
        "reads meanwhile",
        "reads do not wait for a change under way",
        lambda: [(read, "read", _reads_meanwhile)],
    ),
    Mutant(
        "gap not seen",
        "of a directory that does not tell all calls the client takes the others",
        lambda: [*lossy([]), (Listener, "_take", _no_gaps)],
    ),
    Mutant(
        "obeys soon",
        "a call is acknowledged before its line is dropped",
        lambda: [(Desk, "obey", _obeys_soon)],
    ),
    Mutant("never dropped", "a called line stays", lambda: [(Desk, "obey", _never_dropped)]),
    Mutant(
        "late grant kept",
        "a grant that arrives after its call is kept",
        lambda: [(Memory, "is_over", lambda *_: False)],
        first_history=2,
    ),
    Mutant(
        "keeps its own",
        "the own line stays while a write is under way",
        lambda: [(Desk, "give_up", _keeps_its_own)],
    ),
    Mutant(
        "without end",
        "an entry's own end is not looked at",
        lambda: [(Desk, "granted", _without_end)],
        first_history=4,
    ),
    Mutant(
        "keeps old lines",
        "lines outlive a new attachment",
        lambda: [(Desk, "void", _keeps_old_lines)],
    ),
    Mutant(
        "trusts always",
        "lines are used though the read lease is over",
        lambda: [(Listener, "_trusted_until", _trusts_always)],
        first_history=6,
    ),
    Mutant(
        "used meanwhile",
        "a line is written while it is written back",
        lambda: [(Desk, "write_back", _used_meanwhile)],
        first_history=31,
    ),
    Mutant(
        "pair at receipt",
        "the client counts its read lease from when the answer came",
        lambda: list(_of_library("pair at receipt")),
        first_history=19,
    ),
)

"""One answer per command: what was answered, until nobody can ask again.

An answer is dropped when the client's floor passes it, or when the mark has passed its deadline and its wait is
over; a client's entry, with its floor, only when the mark has passed the greatest deadline it ever saw. Both are
functions of the log alone, so every fold of one log agrees.
"""

from typing import TypeAlias

from streams.domain.value import value
from streams.log.undo import Undo

ClientKey: TypeAlias = tuple[str, str]
"""(principal, client)"""

_BUCKET_MS = 1000


@value
class StoredAnswer:
    """The latest outcome of one command."""

    hash: bytes
    reply: bytes
    deadline_ms: int
    waiting: bool


class ClientEntry:
    """What is remembered of one client."""

    __slots__ = ("answers", "floor", "last_bucket")

    def __init__(self) -> None:
        self.answers: dict[int, StoredAnswer] = {}
        self.floor = 0
        self.last_bucket = -1
        """The latest second in which it must be looked at: the one of the greatest deadline it ever saw."""


class Answers:
    """The answers of one partition, by client."""

    __slots__ = ("_due", "_swept", "_undo", "clients")

    def __init__(self, undo: Undo) -> None:
        self.clients: dict[ClientKey, ClientEntry] = {}
        self._undo = undo
        self._due: dict[int, dict[ClientKey, None]] = {}
        self._swept = 0

    def find(self, client: ClientKey, sequence: int) -> StoredAnswer | None:
        """Return the stored answer, or None."""
        entry = self.clients.get(client)
        return None if entry is None else entry.answers.get(sequence)

    def floor(self, client: ClientKey) -> int:
        """Return the client's floor: everything below it is answered and done."""
        entry = self.clients.get(client)
        return 0 if entry is None else entry.floor

    def record(self, client: ClientKey, sequence: int, floor: int, answer: StoredAnswer) -> None:
        """Fold one decision: raise the floor, keep the answer unless one is there or the floor passed it."""
        undo = self._undo
        entry = self.clients.get(client)
        if entry is None:
            entry = ClientEntry()
            undo.put(self.clients, client, entry)
        if floor > entry.floor:
            for done in [s for s in entry.answers if s < floor]:
                undo.drop(entry.answers, done)
            undo.assign(entry, "floor", floor)
        if sequence >= entry.floor and sequence not in entry.answers:
            undo.put(entry.answers, sequence, answer)
        bucket = answer.deadline_ms // _BUCKET_MS
        if bucket != entry.last_bucket or bucket < self._swept:
            self._recheck(client, entry, bucket)

    def settle(self, client: ClientKey, sequence: int, reply: bytes, mark_ms: int) -> None:
        """Fold the final outcome of a command that waited."""
        entry = self.clients.get(client)
        stored = None if entry is None else entry.answers.get(sequence)
        if entry is None or stored is None:
            return
        final = StoredAnswer(stored.hash, reply, stored.deadline_ms, waiting=False)
        self._undo.put(entry.answers, sequence, final)
        self._recheck(client, entry, max(stored.deadline_ms, mark_ms) // _BUCKET_MS)

    def sweep(self, mark_ms: int) -> None:
        """Forget what the wall mark has passed."""
        upto = mark_ms // _BUCKET_MS
        if upto <= self._swept:
            return
        self._undo.assign(self, "_swept", upto)
        for bucket in sorted(b for b in self._due if b < upto):
            for client in self._due[bucket]:
                self._sweep_client(client, mark_ms)
            self._undo.drop(self._due, bucket)

    def _recheck(self, client: ClientKey, entry: ClientEntry, bucket: int) -> None:
        bucket = max(bucket, self._swept)
        if bucket > entry.last_bucket:
            self._undo.assign(entry, "last_bucket", bucket)
        clients = self._due.get(bucket)
        if clients is None:
            clients = {}
            self._undo.put(self._due, bucket, clients)
        if client not in clients:
            self._undo.put(clients, client, None)

    def _sweep_client(self, client: ClientKey, mark_ms: int) -> None:
        entry = self.clients.get(client)
        if entry is None:
            return
        # All of them, whatever their order: a rollback puts answers back at the end, a replay never had them there.
        over = [
            s for s, stored in entry.answers.items() if not stored.waiting and stored.deadline_ms <= mark_ms
        ]
        for sequence in over:
            self._undo.drop(entry.answers, sequence)
        if not entry.answers and entry.last_bucket < mark_ms // _BUCKET_MS:
            self._undo.drop(self.clients, client)

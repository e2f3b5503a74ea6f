"""One answer per command: what was answered, until nobody can ask again.

An answer is dropped when the client's floor passes it, or when the mark has passed its deadline and its wait is
over; a client's entry, with its floor, only when the mark has passed the greatest deadline it ever saw. Both are
functions of the log alone, so every fold of one log agrees.

A deadline over `FAR_MS` ahead is refused, and its client's floor keeps it refused when its time has come, in a year
or in a hundred. So few clients of one principal may have such a deadline at once (ADR 9).
"""

from typing import TypeAlias

from streams.domain.value import value
from streams.log.agenda import Agenda
from streams.log.undo import Undo

FAR_MS = 10 * 60_000
"""A deadline this far ahead of the wall mark is not accepted."""
MAX_FAR_CLIENTS = 1024
"""Clients of one principal that may be remembered for a deadline that is farther."""

ClientKey: TypeAlias = tuple[str, str]
"""(principal, client)"""

_SECOND_MS = 1000
_FAR_S = FAR_MS // _SECOND_MS
_NEVER = -1


@value
class StoredAnswer:
    """The latest outcome of one command."""

    hash: bytes
    reply: bytes
    deadline_ms: int
    waiting: bool


class ClientEntry:
    """What is remembered of one client."""

    __slots__ = ("answers", "far_second", "floor", "last_second")

    def __init__(self) -> None:
        self.answers: dict[int, StoredAnswer] = {}
        self.floor = 0
        self.last_second = _NEVER
        """The latest second in which it must be looked at: the one of the greatest deadline it ever saw."""
        self.far_second = _NEVER
        """The one second far ahead in which it is looked at, however many such deadlines it named."""


class Answers:
    """The answers of one partition, by client."""

    __slots__ = ("_agenda", "_undo", "clients", "far")

    def __init__(self, undo: Undo) -> None:
        self.clients: dict[ClientKey, ClientEntry] = {}
        self.far: dict[str, int] = {}
        """How many clients of a principal are remembered for a deadline far ahead."""
        self._undo = undo
        self._agenda = Agenda[ClientKey](undo)

    def find(self, client: ClientKey, sequence: int) -> StoredAnswer | None:
        """Return the stored answer, or None."""
        entry = self.clients.get(client)
        return None if entry is None else entry.answers.get(sequence)

    def floor(self, client: ClientKey) -> int:
        """Return the client's floor: everything below it is answered and done."""
        entry = self.clients.get(client)
        return 0 if entry is None else entry.floor

    def has_room_for_far(self, client: ClientKey) -> bool:
        """Say whether `client` may be remembered for a deadline far ahead."""
        if self.far.get(client[0], 0) < MAX_FAR_CLIENTS:
            return True
        entry = self.clients.get(client)
        return entry is not None and entry.far_second != _NEVER

    def record(self, client: ClientKey, sequence: int, floor: int, answer: StoredAnswer) -> None:
        """Fold one decision: raise the floor, keep the answer unless one is there or the floor passed it."""
        undo = self._undo
        entry = self.clients.get(client)
        if entry is None:
            entry = ClientEntry()
            undo.put(self.clients, client, entry)
        if floor > entry.floor:
            for done in _below(entry, floor):
                undo.drop(entry.answers, done)
            undo.assign(entry, "floor", floor)
        if sequence >= entry.floor and sequence not in entry.answers:
            undo.put(entry.answers, sequence, answer)
        second = answer.deadline_ms // _SECOND_MS
        if second != entry.last_second or second < self._agenda.passed:
            self._look_again(client, entry, second)

    def settle(self, client: ClientKey, sequence: int, reply: bytes, mark_ms: int) -> None:
        """Fold the final outcome of a command that waited."""
        entry = self.clients.get(client)
        stored = None if entry is None else entry.answers.get(sequence)
        if entry is None or stored is None:
            return
        final = StoredAnswer(stored.hash, reply, stored.deadline_ms, waiting=False)
        self._undo.put(entry.answers, sequence, final)
        self._look_again(client, entry, max(stored.deadline_ms, mark_ms) // _SECOND_MS)

    def sweep(self, mark_ms: int) -> None:
        """Forget what the wall mark has passed."""
        for client in self._agenda.take_before(mark_ms // _SECOND_MS):
            self._sweep_client(client, mark_ms)

    def _look_again(self, client: ClientKey, entry: ClientEntry, second: int) -> None:
        second = max(second, self._agenda.passed)
        if second > entry.last_second:
            self._undo.assign(entry, "last_second", second)
        if second <= self._agenda.passed + _FAR_S:
            self._agenda.put(second, client)
        elif entry.far_second == _NEVER:
            self._set_far(client, entry, second)
            self._agenda.put(second, client)

    def _set_far(self, client: ClientKey, entry: ClientEntry, second: int) -> None:
        principal = client[0]
        count = self.far.get(principal, 0) + (second != _NEVER) - (entry.far_second != _NEVER)
        self._undo.assign(entry, "far_second", second)
        if count:
            self._undo.put(self.far, principal, count)
        else:
            self._undo.drop(self.far, principal)

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
        passed = self._agenda.passed
        if _NEVER < entry.far_second < passed:
            self._set_far(client, entry, _NEVER)
            if entry.last_second >= passed:  # it named deadlines that are farther still
                self._look_again(client, entry, entry.last_second)
        if not entry.answers and entry.last_second < passed:
            self._undo.drop(self.clients, client)


def _below(entry: ClientEntry, floor: int) -> list[int]:
    """Return the sequences that have an answer and are below `floor`, a floor that rises; the shorter way."""
    answers = entry.answers
    if floor - entry.floor < len(answers):
        return [sequence for sequence in range(entry.floor, floor) if sequence in answers]
    return [sequence for sequence in answers if sequence < floor]

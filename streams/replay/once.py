"""One answer per command, checked from the log alone, in bounded memory.

A command may be decided only before its deadline, so a decision can be forgotten once the wall mark passed it; and a
client's floor, as owners do, once the mark passed the greatest deadline it ever named.
"""

from streams.domain.value import value
from streams.log.agenda import Agenda
from streams.log.records import Commit, LoggedDecision
from streams.log.undo import Undo

REFUSALS = frozenset(
    {"STALE", "SEQUENCE_REUSED", "DEADLINE_TOO_FAR", "EXPIRED", "WRONG_TENANT", "BAD_META", "BAD_NAME"}
    | {"WRONG_PARTITION", "SESSION_ENDED"}
)
"""Answers of the engine itself: nothing was executed, so the same command may meet one again."""

_SECOND_MS = 1000

CommandId = tuple[str, str, int]
ClientKey = tuple[str, str]


@value
class _Client:
    floor: int
    last_second: int
    """That of the greatest deadline it named."""


_NOBODY = _Client(0, -1)


class OncePerCommand:
    """Finds commands that were executed twice, too late, or after their client had done with them."""

    def __init__(self) -> None:
        self._seen: dict[CommandId, int] = {}
        self._clients: dict[ClientKey, _Client] = {}
        self._commands_due = Agenda[CommandId](Undo())
        self._clients_due = Agenda[ClientKey](Undo())

    def decision(
        self, offset: int, commit: Commit, decision: LoggedDecision, code: str
    ) -> tuple[str, str] | None:
        """Return (violation code, what) or None. `code`: of the rejection, '' for any other reply."""
        if not decision.hash:
            return None
        client = (decision.principal, decision.client)
        floor = self._saw(client, decision.floor, decision.deadline_ms // _SECOND_MS)
        if code in REFUSALS and not decision.events:
            return None
        who = (*client, decision.sequence)
        if who in self._seen:
            return "ANSWERED_TWICE", f"{_name(who)} was answered at offset {self._seen[who]} already"
        self._seen[who] = offset
        self._commands_due.put(decision.deadline_ms // _SECOND_MS, who)
        if decision.deadline_ms <= commit.mark_ms:
            late_ms = commit.mark_ms - decision.deadline_ms
            return "TOO_LATE", f"{_name(who)} was decided {late_ms} ms past its deadline"
        if decision.sequence < floor:
            return "TOO_LATE", f"{_name(who)} was decided though its client's floor was {floor}"
        return None

    def sweep(self, mark_ms: int) -> None:
        """Forget what can no longer be decided again."""
        now = mark_ms // _SECOND_MS
        for who in self._commands_due.take_before(now):
            del self._seen[who]
        for client in self._clients_due.take_before(now):
            last_second = self._clients[client].last_second
            if last_second >= now:
                self._clients_due.put(last_second, client)
            else:
                del self._clients[client]

    def _saw(self, client: ClientKey, floor: int, second: int) -> int:
        """Return the client's floor until now, and raise it."""
        before = self._clients.get(client, _NOBODY)
        if before is _NOBODY:
            self._clients_due.put(second, client)
        self._clients[client] = _Client(max(floor, before.floor), max(second, before.last_second))
        return before.floor


def _name(who: CommandId) -> str:
    principal, client, sequence = who
    return f"command {sequence} of {principal}/{client}"

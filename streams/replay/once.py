"""One answer per command, checked from the log alone, in bounded memory.

A command may be decided only before its deadline, so a decision can be forgotten once the wall mark passed it.
"""

from streams.log.records import Commit, LoggedDecision

REFUSALS = frozenset(
    {"STALE", "SEQUENCE_REUSED", "DEADLINE_TOO_FAR", "EXPIRED", "WRONG_TENANT", "BAD_META", "BAD_NAME"}
    | {"WRONG_PARTITION", "SESSION_ENDED"}
)
"""Answers of the engine itself: nothing was executed, so the same command may meet one again."""

_BUCKET_MS = 1000

CommandId = tuple[str, str, int]


class OncePerCommand:
    """Finds commands that were executed twice, too late, or after their client had done with them."""

    def __init__(self) -> None:
        self._seen: dict[CommandId, int] = {}
        self._by_deadline: dict[int, list[CommandId]] = {}
        self._floors: dict[tuple[str, str], int] = {}

    def decision(
        self, offset: int, commit: Commit, decision: LoggedDecision, code: str
    ) -> tuple[str, str] | None:
        """Return (violation code, what) or None. `code`: of the rejection, '' for any other reply."""
        if not decision.hash:
            return None
        client = (decision.principal, decision.client)
        floor = self._floors.get(client, 0)
        if decision.floor > floor:
            self._floors[client] = decision.floor
        if code in REFUSALS and not decision.events:
            return None
        who = (*client, decision.sequence)
        if who in self._seen:
            return "ANSWERED_TWICE", f"{_name(who)} was answered at offset {self._seen[who]} already"
        self._remember(who, offset, decision.deadline_ms)
        if decision.deadline_ms <= commit.mark_ms:
            late_ms = commit.mark_ms - decision.deadline_ms
            return "TOO_LATE", f"{_name(who)} was decided {late_ms} ms past its deadline"
        if decision.sequence < floor:
            return "TOO_LATE", f"{_name(who)} was decided though its client's floor was {floor}"
        return None

    def sweep(self, mark_ms: int) -> None:
        """Forget what can no longer be decided again."""
        upto = mark_ms // _BUCKET_MS
        for bucket in [each for each in self._by_deadline if each < upto]:
            for who in self._by_deadline.pop(bucket):
                del self._seen[who]

    def _remember(self, who: CommandId, offset: int, deadline_ms: int) -> None:
        self._seen[who] = offset
        self._by_deadline.setdefault(deadline_ms // _BUCKET_MS, []).append(who)


def _name(who: CommandId) -> str:
    principal, client, sequence = who
    return f"command {sequence} of {principal}/{client}"

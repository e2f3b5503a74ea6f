"""The product's checker over the histories of these clients. They know values: versions are looked up in the log."""

from typing import Final

from tests.property.caches.directory import Logged
from tests.property.caches.history import History, Judge, Op
from tidelock.workload.consistency.entry_log import EntryLog, Period
from tidelock.workload.consistency.judge import judge
from tidelock.workload.consistency.operations import Kind, Operation, fingerprint
from tidelock.workload.consistency.verdict import Verdict

KEY = "dev/cache"
_KINDS: Final[dict[str, Kind]] = {"read": "READ", "write": "WRITE", "delete": "DELETE"}


def verdict(history: History, log: list[Logged]) -> Verdict:
    """Return what the checker says."""
    entries = EntryLog()
    for logged in log:
        entries.event(KEY, logged.event)
    places = Judge(history, log).places
    return judge(entries, [_operation(op, places, entries, log) for op in history.ops if op.end is not None])


def _operation(op: Op, places: dict[bytes, tuple[int, int]], log: EntryLog, at: list[Logged]) -> Operation:
    version, local = (0, 0) if op.value is None or op.kind == "delete" else places[op.value]
    value = 0 if op.kind == "delete" else fingerprint(op.value)
    period: Period | None = next(log.periods(KEY, op.entry, version), None)
    while version and period is not None and period.owner not in ("", op.client):
        period = period.following  # what its owner knew by another name is read when it is written back
    assert op.end is not None
    while op.kind == "read" and period is not None and _goes_on(period, at, op.end):
        period = period.following
    if version and period is not None and period.version != version:
        version, local = period.version, 0
    ended = 0 if op.failed or op.end is None else op.end
    hit = op.kind == "read" and op.start == op.end
    kind = _KINDS[op.kind]
    return Operation(op.client, "one", KEY, op.entry, kind, op.start, ended, version, local, value, hit=hit)


def _goes_on(period: Period, at: list[Logged], end: int) -> bool:
    """Say whether the same value had another version by then: written back unchanged, or fallen back to."""
    after = period.following
    return after is not None and after.value == period.value and at[after.born - 1].at <= end

"""Verifying one partition where it stands: the log through its reader, then the commands topic beside it."""

from collections.abc import Callable

from streams.log.ports import LogUnavailable, TopicReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.sources import SourceCheck
from streams.replay.verify import Decided, Verification

Progress = Callable[[int, int], None]
"""(records read, records there are)"""


def _quiet(_done: int, _total: int) -> None:
    """Show nothing."""


def _ignore(_decided: list[Decided]) -> None:
    """Need nothing."""


async def verify_partition(
    log: TopicReader,
    commands: TopicReader,
    where: PartitionId,
    vocabulary: Vocabulary,
    *,
    progress: Progress = _quiet,
    decided: Callable[[list[Decided]], None] = _ignore,
) -> Report:
    """Return what a walk over the whole log, up to its end now, finds; `decided` is told all that counts.

    Raises `LogUnavailable`.
    """
    first, end = await log.bounds()
    if first > 0:
        raise LogUnavailable(
            f"{where} begins at offset {first}, not 0: what came before cannot be judged. Restore it."
        )
    walk = Verification(where, vocabulary)
    async for records in log.read(0, end):
        for stored in records:
            decided(walk.record(stored))
        progress(walk.report.records, end)
    report = walk.finish()
    if walk.sources:
        await _check_commands(commands, walk, report)
    return report


async def _check_commands(commands: TopicReader, walk: Verification, report: Report) -> None:
    check = SourceCheck(report, walk.sources)
    first, end = await commands.bounds()
    async for records in commands.read(first, min(end, walk.sources[-1].last + 1)):
        check.commands(records)
    check.finish()

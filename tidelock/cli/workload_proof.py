"""What every workload tells of a run, the walk along the logs after it, and the bars that show how far it is."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from storage.kafka.log import KafkaTopicReader
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.verify import Decided
from streams.replay.walk import verify_partition
from tidelock.cli import show, verify
from tidelock.cli.topics import bar, commands_of, partitions_of
from tidelock.workload.proof import Line

STEP = 100


@dataclass(frozen=True, slots=True)
class Proved:
    """What was proved of a run, and where it ran."""

    requests: int
    answers: int
    proof: list[Line]
    reports: list[Report]
    proof_seconds: float
    durability: str
    machine: str

    @property
    def ok(self) -> bool:
        """Whether everything is proved."""
        return all(line.ok for line in self.proof)

    @property
    def setting(self) -> str:
        """Where it ran, in words."""
        return f"durability {self.durability}; {self.machine}"

    @property
    def facts(self) -> dict[str, object]:
        """The proof for machines."""
        return {
            "durability": self.durability,
            "machine": self.machine,
            "proof": [asdict(line) for line in self.proof],
            "proof_seconds": round(self.proof_seconds, 3),
            "partitions": [verify.as_facts(report) for report in self.reports],
        }


async def verified(
    kafka: str, words: Vocabulary, take: Callable[[list[Decided]], None], quiet: bool
) -> list[Report]:
    """Verify all partitions of a kind; `take` is told all that counts. Raises `LogUnavailable`."""
    reports = []
    with bar(quiet) as progress:
        for where, end in (await partitions_of(kafka, [words.kind.name], None)).items():
            task = progress.add_task(f"verifying {where}", total=end)
            log = KafkaTopicReader(kafka, where.log_topic, where.partition)

            def told(done: int, total: int, task: TaskID = task) -> None:
                progress.update(task, completed=done, total=total)

            commands = commands_of(kafka, where)
            reports.append(await verify_partition(log, commands, where, words, progress=told, decided=take))
    return reports


def work_bar(quiet: bool) -> Progress:
    """Return a bar of work done, with its rate."""
    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=show.err, transient=True, disable=quiet or not show.err.is_terminal)


def counter(progress: Progress, task: TaskID) -> Callable[[int], None]:
    """Return a cheap counter that moves the bar every 100 pieces of work."""
    done, began = 0, perf_counter()

    def count(more: int) -> None:
        nonlocal done
        done += more
        if done % STEP == 0:
            rate = done / (perf_counter() - began)
            progress.update(task, completed=done, rate=f"{rate:,.0f}/s")

    return count

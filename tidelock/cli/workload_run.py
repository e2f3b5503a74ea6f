"""One run of the lock workload, from the clients to the proof."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import durability_of
from streams.domain.locks.kind import LOCKS
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import Report
from streams.replay.walk import verify_partition
from tidelock.cli import show
from tidelock.cli.discovery import Running
from tidelock.cli.tls import client_tls
from tidelock.cli.topics import bar, commands_of, partitions_of
from tidelock.workload.figures import machine
from tidelock.workload.locks import Outcome, Plan, replay
from tidelock.workload.proof import Line, Matcher, proof
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import Request

KIND = LOCKS.name


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that is told of a run."""

    requests: int
    plan: Plan
    outcome: Outcome
    answers: int
    waits: int
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
    def percentiles(self) -> dict[str, dict[str, float]]:
        """Percentiles in ms of acquiring and releasing."""
        return {
            "acquire": self.outcome.acquire.percentiles_ms(),
            "release": self.outcome.release.percentiles_ms(),
        }


async def run_locks(running: Running, requests: Sequence[Request], plan: Plan, *, quiet: bool) -> Run:
    """Replay `requests`, then verify. Raises `NothingToTalkTo`, `LogUnavailable`, `TidelockError`."""
    kafka, recorder = running.need_kafka(), Recorder()
    durability = await durability_of(kafka, PartitionId(KIND, 0).log_topic)
    about = machine()
    with _bar(quiet) as progress:
        task = progress.add_task("requests", total=len(requests), rate="")
        counted = _counter(progress, task)
        outcome = await replay(
            running.need_workers(), running.token, requests, plan, recorder, counted, client_tls()
        )
    began = perf_counter()
    words = Vocabulary(LOCKS)
    matcher = Matcher(recorder, words)
    reports = await _verify(kafka, words, matcher, quiet)
    lines = proof(reports, matcher, recorder, (outcome.served, len(requests)))
    seconds = perf_counter() - began
    return Run(
        len(requests),
        plan,
        outcome,
        recorder.answers,
        recorder.waits,
        lines,
        reports,
        seconds,
        durability,
        about,
    )


async def _verify(kafka: str, words: Vocabulary, matcher: Matcher, quiet: bool) -> list[Report]:
    reports = []
    with bar(quiet) as progress:
        for where, end in (await partitions_of(kafka, [KIND], None)).items():
            task = progress.add_task(f"verifying {where}", total=end)
            log = KafkaTopicReader(kafka, where.log_topic, where.partition)

            def told(done: int, total: int, task: object = task) -> None:
                progress.update(task, completed=done, total=total)  # type: ignore[arg-type]

            commands = commands_of(kafka, where)
            reports.append(
                await verify_partition(log, commands, where, words, progress=told, decided=matcher.take)
            )
    return reports


def _bar(quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=show.err, transient=True, disable=quiet)


def _counter(progress: Progress, task: object) -> Callable[[int], None]:
    """Return a cheap counter that moves the bar every 100 requests."""
    done, began = 0, perf_counter()

    def count(more: int) -> None:
        nonlocal done
        done += more
        if done % 100 == 0:
            rate = done / (perf_counter() - began)
            progress.update(task, completed=done, rate=f"{rate:,.0f}/s")  # type: ignore[arg-type]

    return count

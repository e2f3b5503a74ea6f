"""One run of the lock workload, from the clients to the proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from storage.kafka.topic_facts import durability_of
from streams.domain.locks.kind import LOCKS
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tidelock.cli.discovery import Running
from tidelock.cli.tls import client_tls
from tidelock.cli.workload_proof import Proved, counter, verified, work_bar
from tidelock.workload.figures import machine
from tidelock.workload.locks import Outcome, Plan, replay
from tidelock.workload.proof import Matcher, proof
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import Request

KIND = LOCKS.name


@dataclass(frozen=True, slots=True)
class Run(Proved):
    """Everything that is told of a run."""

    plan: Plan
    outcome: Outcome
    waits: int

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
    with work_bar(quiet) as progress:
        task = progress.add_task("requests", total=len(requests), rate="")
        counted = counter(progress, task)
        outcome = await replay(
            running.need_workers(), running.token, requests, plan, recorder, counted, client_tls()
        )
    began = perf_counter()
    words = Vocabulary(LOCKS)
    matcher = Matcher(recorder, words)
    reports = await verified(kafka, words, matcher.take, quiet)
    lines = proof(reports, matcher, recorder, (outcome.served, len(requests)))
    seconds = perf_counter() - began
    return Run(
        len(requests), recorder.answers, lines, reports, seconds, durability, about, plan, outcome, recorder.waits
    )  # fmt: skip

"""One run of the queue workload, from the clients to the proof, and how it is shown."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

from rich.console import RenderableType

from storage.kafka.topic_facts import durability_of
from streams.domain.queues.kind import QUEUES
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.verify import Decided
from tidelock.cli.discovery import Running
from tidelock.cli.tls import client_tls
from tidelock.cli.workload_proof import Proved, counter, verified, work_bar
from tidelock.cli.workload_view import run_view
from tidelock.workload.figures import machine
from tidelock.workload.journal import Journal
from tidelock.workload.proof import Matcher
from tidelock.workload.queue_ledger import Ledger
from tidelock.workload.queue_plan import QueueOutcome, QueuePlan
from tidelock.workload.queue_proof import queue_proof
from tidelock.workload.queues import replay
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import BlockIo


@dataclass(frozen=True, slots=True)
class QueueRan(Proved):
    """Everything that is told of a run."""

    plan: QueuePlan
    outcome: QueueOutcome
    handouts: int

    @property
    def percentiles(self) -> dict[str, dict[str, float]]:
        """Percentiles in ms of a put, and from putting a message until it is handled."""
        outcome = self.outcome
        return {"put": outcome.putting.percentiles_ms(), "put to handled": outcome.handling.percentiles_ms()}


async def run_queue(running: Running, ios: Sequence[BlockIo], plan: QueuePlan, *, quiet: bool) -> QueueRan:
    """Put and handle `ios`, then verify. Raises `NothingToTalkTo`, `LogUnavailable`, `TidelockError`."""
    kafka, recorder = running.need_kafka(), Recorder()
    journal = Journal.of(secrets.token_hex(4), ios)
    durability, about = await durability_of(kafka, PartitionId(QUEUES.name, 0).log_topic), machine()
    with work_bar(quiet) as bars:
        put, handled = (bars.add_task(name, total=len(ios), rate="") for name in ("put", "handled"))
        counters = (counter(bars, put), counter(bars, handled))
        outcome = await replay(
            running.need_workers(), running.token, plan, journal, recorder, counters, client_tls()
        )
    began, words = perf_counter(), Vocabulary(QUEUES)
    matcher = Matcher(recorder, words)
    ledger = Ledger(outcome.tenant, plan.queue, recorder.clients, journal)

    def take(decided: list[Decided]) -> None:
        matcher.take(decided)
        ledger.take(decided)

    reports = await verified(kafka, words, take, quiet)
    lines = queue_proof(reports, matcher, recorder, ledger, journal)
    seconds = perf_counter() - began
    return QueueRan(
        len(ios), recorder.answers, lines, reports, seconds, durability, about, plan, outcome, len(journal.handouts)
    )  # fmt: skip


def queue_view(ran: QueueRan) -> RenderableType:
    """Return rates, percentiles and the proof."""
    outcome, plan = ran.outcome, ran.plan
    rates = (
        f"{outcome.handled:,} messages in {outcome.seconds:.1f} s: {_rate(outcome.handled, outcome.seconds):,.0f} "
        f"messages/s put and handled; all put in {outcome.put_s:.1f} s "
        f"({_rate(outcome.put, outcome.put_s):,.0f}/s); {outcome.failures:,} handlers failed"
    )
    setting = (
        f"queue {plan.queue}, {outcome.shards} shards; {plan.producers} producers, {plan.in_flight} in flight each; "
        f"{plan.consumers} consumers, prefetch {plan.prefetch}; {ran.setting}"
    )
    return run_view(ran, rates, setting, outcome.errors, ran.percentiles)


def queue_facts(ran: QueueRan) -> dict[str, object]:
    """Return a run for machines."""
    outcome = ran.outcome
    return {
        "ok": ran.ok,
        "requests": ran.requests,
        "put": outcome.put,
        "handled": outcome.handled,
        "failures": outcome.failures,
        "handed_out": ran.handouts,
        "shards": outcome.shards,
        "answers": ran.answers,
        "seconds": round(outcome.seconds, 3),
        "put_seconds": round(outcome.put_s, 3),
        "messages_per_s": round(_rate(outcome.handled, outcome.seconds), 1),
        "puts_per_s": round(_rate(outcome.put, outcome.put_s), 1),
        "percentiles_ms": ran.percentiles,
        "errors": dict(outcome.errors),
        "plan": asdict(ran.plan),
        **ran.facts,
    }


def _rate(count: int, seconds: float) -> float:
    return count / max(seconds, 1e-9)

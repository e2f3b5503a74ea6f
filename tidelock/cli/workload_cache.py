"""One run of the cache workload, from the nodes to the proof, and how it is shown."""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

from rich.console import RenderableType

from storage.kafka.topic_facts import durability_of
from streams.domain.caches.kind import CACHES
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.replay.verify import Decided
from tidelock.cli import show
from tidelock.cli.discovery import Running
from tidelock.cli.tls import client_tls
from tidelock.cli.workload_proof import Proved, counter, verified, work_bar
from tidelock.cli.workload_view import run_view
from tidelock.workload.cache_journal import CacheJournal
from tidelock.workload.cache_plan import CacheOutcome, CachePlan
from tidelock.workload.cache_proof import REPLACED, cache_proof, stale
from tidelock.workload.caches import replay
from tidelock.workload.consistency.entry_log import EntryLog
from tidelock.workload.consistency.judge import judge
from tidelock.workload.consistency.verdict import Verdict
from tidelock.workload.figures import machine
from tidelock.workload.proof import Matcher
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import BlockIo


@dataclass(frozen=True, slots=True)
class CacheRan(Proved):
    """Everything that is told of a run."""

    plan: CachePlan
    outcome: CacheOutcome
    verdict: Verdict

    @property
    def percentiles(self) -> dict[str, dict[str, float]]:
        """Percentiles in ms; of what never happened, none."""
        outcome = self.outcome
        times = {"miss": outcome.missing, "write": outcome.writing, "hit": outcome.hitting}
        return {name: found.percentiles_ms() for name, found in times.items() if len(found)}

    @property
    def counts(self) -> dict[str, int]:
        """What the nodes' lines did."""
        hits = self.outcome.hits
        return asdict(hits) | {"round_trips_saved": hits.round_trips_saved}


async def run_cache(running: Running, ios: Sequence[BlockIo], plan: CachePlan, *, quiet: bool) -> CacheRan:
    """Read and write `ios`, then verify. Raises `NothingToTalkTo`, `LogUnavailable`, `TidelockError`."""
    kafka, recorder = running.need_kafka(), Recorder()
    journal = CacheJournal(secrets.token_hex(4))
    durability, about = await durability_of(kafka, PartitionId(CACHES.name, 0).log_topic), machine()
    with work_bar(quiet) as bars:
        counted = counter(bars, bars.add_task("requests", total=len(ios), rate=""))
        outcome = await replay(
            running.need_workers(), running.token, plan, ios, journal, recorder, counted, client_tls()
        )
    began, words, log = perf_counter(), Vocabulary(CACHES), EntryLog()
    matcher = Matcher(recorder, words, REPLACED)

    def take(decided: list[Decided]) -> None:
        matcher.take(decided)
        log.take(decided)

    reports = await verified(kafka, words, take, quiet)
    verdict = judge(log, journal.operations)
    lines = cache_proof(reports, matcher, recorder, verdict, (outcome.served, len(ios)), plan.mode)
    seconds = perf_counter() - began
    return CacheRan(
        len(ios), recorder.answers, lines, reports, seconds, durability, about, plan, outcome, verdict
    )


def cache_view(ran: CacheRan) -> RenderableType:
    """Return rates, what the lines did, percentiles and the proof."""
    outcome, plan, hits = ran.outcome, ran.plan, ran.outcome.hits
    rates = (
        f"{outcome.served:,} requests in {outcome.seconds:.1f} s: {outcome.served / max(outcome.seconds, 1e-9):,.0f} "
        f"requests/s; hit rate {hits.hit_rate:.1%} of {outcome.reads:,} reads; {hits.round_trips_saved:,} round trips "
        f"saved"
    )
    setting = (
        f"cache {plan.cache}, {plan.mode}, {outcome.shards} shards; {plan.nodes} nodes, {plan.in_flight} in flight and "
        f"{plan.lines:,} lines each, keep {plan.keep}; {ran.setting}"
    )
    counts = show.table("\nlines", "", "count", right=frozenset({"count"}))
    for name, count in ran.counts.items():
        counts.add_row(name.replace("_", " "), f"{count:,}")
    return run_view(ran, rates, setting, outcome.errors, ran.percentiles, counts)


def cache_facts(ran: CacheRan) -> dict[str, object]:
    """Return a run for machines."""
    outcome = ran.outcome
    return {
        "ok": ran.ok,
        "requests": ran.requests,
        "served": outcome.served,
        "reads": outcome.reads,
        "writes": outcome.writes,
        "loads": outcome.loads,
        "hit_rate": round(outcome.hits.hit_rate, 4),
        "lines": ran.counts,
        "stale_reads": stale(ran.verdict),
        "violations": [str(each) for each in ran.verdict.violations],
        "shards": outcome.shards,
        "answers": ran.answers,
        "seconds": round(outcome.seconds, 3),
        "requests_per_s": round(outcome.served / max(outcome.seconds, 1e-9), 1),
        "percentiles_ms": ran.percentiles,
        "errors": dict(outcome.errors),
        "plan": asdict(ran.plan),
        **ran.facts,
    }

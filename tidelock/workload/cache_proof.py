"""The proof of a run on a cache: what its nodes read and wrote against the log, and the log by itself."""

from collections.abc import Sequence

from streams.domain.caches.commands import Listen
from streams.domain.caches.settings import CacheMode
from streams.replay.findings import Report
from tidelock.workload.consistency.verdict import Code, Verdict
from tidelock.workload.proof import Line, Matcher, answer_lines, rules_line
from tidelock.workload.recorder import Recorder

STALE: tuple[Code, ...] = ("STALE_READ", "REORDERED", "CYCLE")
"""What a relaxed cache may show."""
REPLACED = frozenset({Listen.__name__})
"""Commands of which a client has one at a time."""
WRONG: tuple[Code, ...] = ("LOST_WRITE", "NOT_IN_LOG", "OTHER_VALUE")


def cache_proof(
    reports: Sequence[Report],
    matcher: Matcher,
    recorder: Recorder,
    verdict: Verdict,
    requests: tuple[int, int],
    mode: CacheMode,
) -> list[Line]:
    """Return what is proved and what is not. `requests`: (served, all)."""
    served, asked = requests
    about = (
        f"{verdict.reads:,} reads ({verdict.hits:,} hits) and {verdict.operations - verdict.reads:,} writes of "
        f"{verdict.entries:,} entries by {verdict.clients} nodes, {verdict.unknown:,} without an answer"
    )
    fresh = _line("no read was stale", verdict, STALE, about)
    if mode == "RELAXED":
        fresh = Line("stale reads are told (relaxed)", True, fresh.evidence)
    return [
        Line("every request was served", served == asked, f"{served:,} of {asked:,}"),
        rules_line(reports),
        fresh,
        _line("what was read was written, and no write was lost", verdict, WRONG, "by value and version"),
        *answer_lines(matcher, recorder),
    ]


def stale(verdict: Verdict) -> int:
    """Return how many reads and writes no consistent order has room for."""
    return sum(verdict.counts[code] for code in STALE)


def _line(claim: str, verdict: Verdict, codes: Sequence[Code], about: str) -> Line:
    counted = ", ".join(f"{verdict.counts[code]:,} {code}" for code in codes)
    first = next((str(each) for each in verdict.violations if each.code in codes), "")
    ok = not any(verdict.counts[code] for code in codes)
    return Line(claim, ok, f"{about}; {counted}" + (f"; first: {first}" if first else ""))

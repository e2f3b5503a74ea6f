"""How a run of a workload is shown."""

from collections import Counter
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.text import Text

from tidelock.cli import show
from tidelock.cli.workload_proof import Proved
from tidelock.cli.workload_run import Run


def workload_view(run: Run) -> RenderableType:
    """Return rates, percentiles and the proof."""
    outcome, plan = run.outcome, run.plan
    seconds = max(outcome.seconds, 1e-9)
    commands = run.answers - run.waits
    rates = (
        f"{outcome.served:,} requests in {outcome.seconds:.1f} s: {outcome.served / seconds:,.0f} requests/s, "
        f"{outcome.locks / seconds:,.0f} locks/s, {commands / seconds:,.0f} commands/s; {run.waits:,} had to wait"
    )
    setting = f"{plan.clients} clients, {plan.in_flight} in flight each; {run.setting}"
    return run_view(run, rates, setting, outcome.errors, run.percentiles)


def run_view(
    ran: Proved, rates: str, setting: str, errors: Counter[str], percentiles: dict[str, dict[str, float]],
    *tables: RenderableType,
) -> RenderableType:  # fmt: skip
    """Return what every workload tells: rates, errors, `tables` of its own, a table of times in ms, and the proof."""
    failed = [Text(f"failed: {count:,} {code}", style="red") for code, count in errors.most_common()]
    names = next(iter(percentiles.values()), {})
    times = show.table("\nms", "", *names, right=frozenset(names))
    for name, found in percentiles.items():
        times.add_row(name, *(f"{value:,.2f}" for value in found.values()))
    lines = show.table(f"\nproof, from the log ({ran.proof_seconds:.1f} s)", "", "", "evidence")
    for line in ran.proof:
        verdict = Text("PASS", style="bold green") if line.ok else Text("FAIL", style="bold red")
        lines.add_row(verdict, line.claim, line.evidence)
    return Group(Text(rates, style="bold"), Text(setting, style="dim"), *failed, *tables, times, lines)


def as_facts(run: Run) -> dict[str, object]:
    """Return a run for machines."""
    outcome = run.outcome
    return {
        "ok": run.ok,
        "requests": run.requests,
        "served": outcome.served,
        "locks": outcome.locks,
        "answers": run.answers,
        "waits": run.waits,
        "seconds": round(outcome.seconds, 3),
        "requests_per_s": round(outcome.served / max(outcome.seconds, 1e-9), 1),
        "percentiles_ms": run.percentiles,
        "errors": dict(outcome.errors),
        "plan": asdict(run.plan),
        **run.facts,
    }

"""`tidelock verify`: walk the logs and prove, or refute, what they promise."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields

import typer
from rich.table import Table

from storage.kafka.log import KafkaTopicReader
from streams.domain.kind import KindSpec
from streams.log.vocabulary import Vocabulary
from streams.replay.findings import CODES, Report
from streams.replay.walk import verify_partition
from tidelock.cli import exits, options, show
from tidelock.cli.discovery import find
from tidelock.cli.kinds import kinds_named
from tidelock.cli.topics import bar, commands_of, partitions_of

COLUMNS = (
    "partition",
    "records",
    "claims",
    "commits",
    "decisions",
    "answers",
    "events",
)


def verify(
    context: typer.Context,
    kind: options.Kind = "",
    partition: options.Partition = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Walk the logs from their first record and check every promise that they make.

    The hash chain and the accept rule; lease time and wall marks that never run back; the commands topic that was
    decided from; each command answered once; and what each kind promises besides, from the events alone. Of locks:
    fencing tokens only rose, no two holders ever conflicted, every lease and wait ended once, and not early. Of nodes:
    one session at a time, verdicts only after the silence that their evidence tells, sweeps only of what has ended.
    Of caches: one owner a line, no grant during a change, no strict change before all have acknowledged it.
    Trusts no owner and no decider. Exit code 1 on a violation, with its position.

    Example: [green]tidelock verify locks --partition 2 --json[/]
    """
    kinds = kinds_named(context, kind)
    reports = asyncio.run(_verify(find(home).need_kafka(), kinds, partition, json))
    ok = all(report.ok for report in reports)
    if json:
        show.as_json({"ok": ok, "partitions": [as_facts(report) for report in reports]})
    else:
        show.out.print(report_table(reports), counts_table(reports))
        show_violations(reports)
    raise typer.Exit(exits.OK if ok else exits.NO)


async def _verify(kafka: str, kinds: Sequence[KindSpec], partition: int | None, quiet: bool) -> list[Report]:
    wheres = await partitions_of(kafka, [kind.name for kind in kinds], partition)
    words, reports = {kind.name: Vocabulary(kind) for kind in kinds}, []
    with bar(quiet) as progress:
        for where, end in wheres.items():
            task = progress.add_task(f"verifying {where}", total=end)
            reports.append(
                await verify_partition(
                    KafkaTopicReader(kafka, where.log_topic, where.partition),
                    commands_of(kafka, where),
                    where,
                    words[where.kind],
                    progress=lambda done, total, task=task: progress.update(
                        task, completed=done, total=total
                    ),  # type: ignore[misc]
                )
            )
    return reports


def as_facts(report: Report) -> dict[str, object]:
    """Return a report for machines."""
    facts = {f.name: getattr(report, f.name) for f in fields(report)}
    facts |= {"where": str(report.where), "ok": report.ok}
    facts["violations"] = [
        {"position": str(v.position), "code": v.code, "what": v.what} for v in report.violations
    ]
    return facts


def report_table(reports: Sequence[Report]) -> Table:
    """Return what every log is walked for, a partition a row."""
    table = show.table(None, *COLUMNS, "verdict", right=frozenset(COLUMNS[1:]))
    for r in reports:
        counts = (r.records, r.claims, r.commits, r.decisions, r.answers, r.events)
        verdict = "[green]holds[/]" if r.ok else f"[bold red]{r.violation_count} VIOLATIONS[/]"
        void = ", ".join(f"{count} {reason}" for reason, count in sorted(r.voids.items()))
        verdict += f" (void: {void})" if void else ""
        table.add_row(str(r.where), *map(show.number, counts), verdict)
    return table


def counts_table(reports: Sequence[Report]) -> Table:
    """Return what each kind counts besides, over the partitions that were walked, a kind a row."""
    counted: dict[str, Counter[str]] = {}
    for report in reports:
        counted.setdefault(report.where.kind, Counter()).update(report.counts)
    table = show.table(None, "kind", "counted, by what its events tell")
    for kind, counts in counted.items():
        told = (f"{name.replace('_', ' ')} {show.number(count)}" for name, count in counts.items())
        table.add_row(kind, ", ".join(told))
    return table


def show_violations(reports: Sequence[Report]) -> None:
    """Print each violation with its position and what its code means."""
    for report in reports:
        for violation in report.violations:
            show.say(
                f"{violation.position} {violation.code}: {violation.what} ({CODES[violation.code]})", "red"
            )
        more = report.violation_count - len(report.violations)
        if more:
            show.say(f"{report.where}: and {more} more", "red")

"""`tidelock verify`: walk the logs and prove, or refute, what they promise."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from storage.kafka.log import KafkaTopicReader
from streams.replay.findings import CODES, Report
from streams.replay.walk import verify_partition
from tidelock.cli import exits, options, show
from tidelock.cli.discovery import find
from tidelock.cli.topics import commands_of, partitions_of, vocabulary_of

COLUMNS = (
    "partition",
    "records",
    "claims",
    "commits",
    "decisions",
    "answers",
    "events",
    "grants",
    "held",
    "waiting",
)


def verify(
    kind: options.Kind = "locks",
    partition: options.Partition = None,
    home: options.Home = options.HOME,
    json: options.AsJson = False,
) -> None:
    """Walk the logs from their first record and check every promise that they make.

    The hash chain and the accept rule; lease time and wall marks that never run back; the commands topic that was
    decided from; each command answered once; fencing tokens that only rise; and, from the events alone, that no two
    holders of a lock ever conflicted, that every lease and wait ended once, by its holder or its time, not early.
    Trusts no owner and no decider. Exit code 1 on a violation, with its position.

    Example: [green]tidelock verify locks --partition 2 --json[/]
    """
    reports = asyncio.run(_verify(find(home).need_kafka(), options.check_kind(kind), partition, json))
    ok = all(report.ok for report in reports)
    if json:
        show.as_json({"ok": ok, "partitions": [as_facts(report) for report in reports]})
    else:
        show.out.print(report_table(reports))
        show_violations(reports)
    raise typer.Exit(exits.OK if ok else exits.NO)


async def _verify(kafka: str, kind: str, partition: int | None, quiet: bool) -> list[Report]:
    wheres = await partitions_of(kafka, kind, partition)
    words, reports = vocabulary_of(kind), []
    with bar(quiet) as progress:
        for where, end in wheres.items():
            task = progress.add_task(f"verifying {where}", total=end)
            reports.append(
                await verify_partition(
                    KafkaTopicReader(kafka, where.log_topic, where.partition),
                    commands_of(kafka, where),
                    where,
                    words,
                    progress=lambda done, total, task=task: progress.update(
                        task, completed=done, total=total
                    ),  # type: ignore[misc]
                )
            )
    return reports


def bar(quiet: bool) -> Progress:
    """Return a bar of records read, for those who watch."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=show.err, transient=True, disable=quiet or not show.err.is_terminal)


def as_facts(report: Report) -> dict[str, object]:
    """Return a report for machines."""
    facts = {f.name: getattr(report, f.name) for f in fields(report)}
    facts |= {"where": str(report.where), "ok": report.ok}
    facts["violations"] = [
        {"position": str(v.position), "code": v.code, "what": v.what} for v in report.violations
    ]
    return facts


def report_table(reports: Sequence[Report]) -> object:
    """Return the reports as a table."""
    table = show.table(None, *COLUMNS, "void", "verdict", right=frozenset(COLUMNS[1:]))
    for r in reports:
        counts = (
            r.records,
            r.claims,
            r.commits,
            r.decisions,
            r.answers,
            r.events,
            r.grants,
            r.open_leases,
            r.open_waits,
        )
        void = ", ".join(f"{count} {reason}" for reason, count in sorted(r.voids.items())) or "-"
        verdict = "[green]holds[/]" if r.ok else f"[bold red]{r.violation_count} VIOLATIONS[/]"
        table.add_row(str(r.where), *map(show.number, counts), void, verdict)
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

"""What `tidelock verify` shows of its reports."""

from collections import Counter

import pytest

from streams.log.positions import PartitionId
from streams.replay.findings import Report
from tidelock.cli import show
from tidelock.cli.verify import counts_table, report_table

COUNTS = {"enqueued": 1_000_000, "dead_lettered": 17, "still_leased_at_the_end_of_the_log": 123_456}
REPORTS = [
    Report(
        PartitionId("queues", 0), 2_345_678, 12, 2_345_000, 2_345_600, 2_345_500, 9_876_543, counts=COUNTS
    ),
    Report(PartitionId("queues", 3), 2, 1, counts=dict.fromkeys(COUNTS, 0), voids=Counter(malformed=3)),
    Report(PartitionId("nodes", 3), counts={"nodes": 2}, codes=Counter(CHAIN=2)),
]


def shown(table: object, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(show.out, "width", 80)
    with show.out.capture() as captured:
        show.out.print(table)
    return captured.get().splitlines()


def test_a_partition_is_one_row_with_its_verdict_in_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = shown(report_table(REPORTS), monkeypatch)
    starts = [("queues/0", "holds"), ("queues/3", "holds (void:"), ("nodes/3", "2 VIOLATIONS")]
    told = [(first, verdict) for first, verdict in starts
            if any(row.startswith(first) and verdict in row for row in rows)]  # fmt: skip
    assert told == starts
    assert "9,876,543" in rows[1] and "malformed)" in " ".join(rows)


def test_what_a_kind_counts_is_one_row_over_its_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = shown(counts_table([*REPORTS, REPORTS[0]]), monkeypatch)
    told = " ".join(" ".join(rows).split())
    assert "queues enqueued 2,000,000, dead lettered 34, still leased at the end of the log 246,912" in told
    assert "nodes nodes 2" in told
    assert max(map(len, rows)) <= 80

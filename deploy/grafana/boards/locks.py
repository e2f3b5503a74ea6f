"""Locks: who gets them, who waits, who is refused."""

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.board import board, tag
from deploy.grafana.flux import added, largest, leaders, share
from deploy.grafana.gauges import now, standing
from deploy.grafana.panels import limits, lines, listing, number

TAGS = ("tenant",)


def locks() -> Dashboard:
    """Return the dashboard."""
    standing_now = (
        number("Held", "Locks that somebody holds.", now("lock_gauges", ["held"], TAGS)),
        number(
            "Holders",
            "Holds: a shared lock has several. Far more than locks: many readers, of whom a writer must "
            "wait for all.",
            now("lock_gauges", ["holders"], TAGS),
        ),
        number(
            "Waiters",
            "Who waits for a lock now. Growing while grants do not: a holder is stuck; find it with "
            "`tidelock window show locks` (contended) and `tidelock lock show`, and see what it does.",
            now("lock_gauges", ["waiters"], TAGS),
            thresholds=limits(warn=100, bad=1_000),
        ),
    )
    flow = (
        lines(
            "Grants and ends of holds",
            "`grants` (upgrades too), and how holds end. Many `expired`: clients die or are slower than "
            "their lease; "
            "look at their pauses, or ask for longer leases.",
            added("lock_points", ["grants", "released", "expired", "renewed"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Commands",
            "What clients asked, and what was rejected at once.",
            added("lock_points", ["commands", "rejected"], TAGS),
            units.OpsPerSecond,
        ),
    )
    contention = (
        lines(
            "Share of acquires that had to wait",
            "Over a half: one lock guards too much. Split it, hold it for shorter, or read with shared mode.",
            share("lock_points", "contended", ["grants", "refusals"], TAGS),
            units.PercentUnit,
            thresholds=limits(warn=0.5, bad=0.9),
        ),
        lines(
            "Acquires that came to nothing",
            "`refusals` are all of them. `timed_out`: the wait was shorter than the hold before. "
            "`deadlocks`: waits that were "
            "aborted to break a cycle; take locks in one order (`deadlocks` in GraphQL has the cycles).",
            added("lock_points", ["refusals", "timed_out", "deadlocks"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "How long who waited, waited",
            "The largest of all tenants and windows of ten seconds; within 1 %. A wait as long as the holds "
            "before it is to "
            "be expected; longer, and the queue is long.",
            largest("lock_points", ["wait_p50_ms", "wait_p95_ms", "wait_p99_ms"], TAGS),
            units.Milliseconds,
            thresholds=limits(warn=1_000, bad=10_000),
        ),
        lines(
            "How long locks are held",
            "From grant to release or expiry. A p99 near the lease's length: holders that die, not holders "
            "that work.",
            largest("lock_points", ["hold_p50_ms", "hold_p95_ms", "hold_p99_ms"], TAGS),
            units.Milliseconds,
        ),
        lines(
            "How many waited, how many held",
            "Of how many waits and holds the percentiles are: few say little.",
            added("lock_points", ["waits", "holds"], TAGS, per_second=False),
        ),
        lines(
            "Held, holders, waiters",
            "A partition in which nothing happens stands as it did. `waiters` that only grow: see Waiters.",
            standing("lock_gauges", ["held", "holders", "waiters"], TAGS),
        ),
    )
    tenants = (
        listing(
            "Tenants with the most acquires that waited",
            "Sums of the time range. Start with the tenant on top when the contention is high.",
            leaders(
                "lock_points",
                ["contended", "grants", "refusals", "timed_out", "deadlocks"],
                TAGS,
                "contended",
            ),
            {},
        ),
    )
    return board(
        "locks",
        "Grants, waits, holds, contention and deadlocks of locks, by tenant. Names of locks are no tags: "
        "`tidelock window list locks` has the busiest, `locks` in GraphQL all.",
        [tag("tenant", "Tenant", "lock_points")],
        [("Now", standing_now), ("Flow", flow), ("Contention", contention), ("Who", tenants)],
    )

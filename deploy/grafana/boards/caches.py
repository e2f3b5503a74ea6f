"""Caches: misses, lines, what coherence costs, what is removed."""

from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.board import board, tag
from deploy.grafana.flux import added, largest, leaders, share
from deploy.grafana.gauges import now, standing
from deploy.grafana.panels import limits, lines, listing, number

TAGS = ("tenant", "cache")


def caches() -> Dashboard:
    """Return the dashboard."""
    standing_now = (
        number("Entries", "Entries of the directory.", now("cache_gauges", ["entries"], TAGS)),
        number(
            "Bytes",
            "Values that are kept. It is in the workers' memory; caches have a bound, beyond which entries "
            "are evicted.",
            now("cache_gauges", ["bytes"], TAGS),
            units.BytesIEC,
            thresholds=limits(warn=1 << 30, bad=4 << 30),
        ),
        number(
            "Modified lines",
            "Lines whose newest value only their holder has. Growing: write-backs lag, and a client's end "
            "would lose them.",
            now("cache_gauges", ["modified"], TAGS),
            thresholds=limits(warn=1_000, bad=10_000),
        ),
        number(
            "Listeners",
            "Clients that keep lines and hear of changes.",
            now("cache_gauges", ["listeners"], TAGS),
        ),
        number(
            "Filling",
            "Loads of values that run now. Growing: what is behind the cache is slow or away.",
            now("cache_gauges", ["filling"], TAGS),
        ),
        number(
            "Changing",
            "Writes that wait until other clients gave up their lines. Growing: a client does not answer "
            "recalls.",
            now("cache_gauges", ["changing"], TAGS),
        ),
    )
    misses = (
        lines(
            "Misses",
            "`reads` missed a client's own copy, `fills` the directory too; `fills_failed` came to nothing. "
            "`warmed` were put "
            "there ahead. Hits of own copies: see Clients.",
            added("cache_points", ["reads", "fills", "fills_failed", "warmed"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Share of loads that failed",
            "Over 1 %: what is behind the cache fails; see the loaders' log.",
            share("cache_points", "fills_failed", ["fills"], TAGS),
            units.PercentUnit,
            thresholds=limits(warn=0.01, bad=0.1),
        ),
        lines(
            "Lines granted",
            "By state. Many `uncached`: values are answered without a line, so each read is a round trip.",
            added(
                "cache_points", ["granted_exclusive", "granted_shared", "granted_modified", "uncached"], TAGS
            ),
            units.OpsPerSecond,
            stacked=True,
        ),
        lines(
            "Writes",
            "`write_backs` bring what a modified line held.",
            added("cache_points", ["writes", "deletes", "write_backs"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Commands",
            "What clients asked of caches that are there, and what was rejected.",
            added("cache_points", ["commands", "rejected"], TAGS),
            units.OpsPerSecond,
        ),
    )
    clients = (
        lines(
            "Clients' own copies",
            "`hits` cost no round trip. `tier_hits` came from Redis, `loads` from behind the cache. Clients "
            "tell it.",
            added("client_cache_points", ["hits", "misses", "tier_hits", "loads"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Share of reads that own copies answered",
            "Low: entries are read once each, written too often, or the clients' copies are too small.",
            share("client_cache_points", "hits", ["hits", "misses"], TAGS),
            units.PercentUnit,
        ),
        lines(
            "Writes of clients",
            "`local_writes` cost no round trip; `lost` were never written back, which should never be.",
            added("client_cache_points", ["local_writes", "writes", "write_backs", "lost"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Copies that clients gave up",
            "`rejoins`: clients that dropped all, for they were away for too long.",
            added("client_cache_points", ["invalidations", "evictions", "expiries", "rejoins"], TAGS),
            units.OpsPerSecond,
        ),
    )
    coherence = (
        lines(
            "Calls to clients",
            "`invalidations` drop a line, `recalls` ask for it back, `resets` drop everything. More "
            "invalidations than reads: "
            "the entries are written too often to be worth a copy.",
            added("cache_points", ["invalidations", "recalls", "resets"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "How long who waited for a line, waited",
            "The largest of all caches and windows of ten seconds; within 1 %. As long as a lease: a client "
            "with the line "
            "does not answer.",
            largest("cache_points", ["wait_p50_ms", "wait_p95_ms", "wait_p99_ms"], TAGS),
            units.Milliseconds,
            thresholds=limits(warn=1_000, bad=10_000),
        ),
        lines(
            "How many waited",
            "Of how many the percentiles are.",
            added("cache_points", ["waits"], TAGS, per_second=False),
        ),
        lines(
            "Entries by state of their lines",
            "A cache in which nothing happens stands as it did.",
            standing("cache_gauges", ["exclusive", "shared", "modified"], TAGS),
            stacked=True,
        ),
        lines(
            "Waiting, filling, changing",
            "What is under way. All three near 0 is well; any that only grows names the side that does not "
            "answer.",
            standing("cache_gauges", ["waiting", "filling", "changing"], TAGS),
        ),
    )
    room = (
        lines(
            "Entries removed",
            "`evicted` for room, `expired` by their time, `tagged` with a tag; `lost` are modified lines "
            "that ended unwritten, "
            "which should never be. Many `evicted`: the cache is too small for what is read.",
            added("cache_points", ["evicted", "expired", "tagged", "lost"], TAGS),
            units.OpsPerSecond,
        ),
        lines(
            "Bytes over time",
            "At the cache's bound, entries are evicted.",
            standing("cache_gauges", ["bytes"], TAGS),
            units.BytesIEC,
        ),
    )
    names = (
        listing(
            "Caches with the most misses",
            "Sums of the time range.",
            leaders(
                "cache_points",
                ["reads", "fills", "fills_failed", "invalidations", "evicted", "lost"],
                TAGS,
                "reads",
            ),
            {},
        ),
    )
    return board(
        "caches",
        "Misses, lines, coherence, write-backs and evictions. Names beyond a tenant's thousand are together "
        "`__other__`.",
        [tag("tenant", "Tenant", "cache_points"), tag("cache", "Cache", "cache_points", "tenant")],
        [
            ("Now", standing_now),
            ("Reads and writes", misses),
            ("Clients", clients),
            ("Coherence", coherence),
            ("Room", room),
            ("Which", names),
        ],
    )

"""How caches and their entries are shown."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from streams.domain.caches.replies import CacheStats, EntryView, ShownLine
from streams.domain.caches.settings import CacheSettings
from tidelock.cli import show
from tidelock.cli.lease_now import LeaseNow
from tidelock.cli.payloads import put_out, written
from tidelock.client.caches.administration import CacheReport

COUNTS = (
    "entries", "bytes", "modified", "exclusive", "shared", "listeners", "waiting", "filling", "changing",
)  # fmt: skip


def settings(cache: str, chosen: CacheSettings, as_json: bool) -> None:
    """Print how a cache behaves."""
    if as_json:
        show.as_json({"cache": cache} | asdict(chosen))
        return
    show.say(cache, "bold")
    show.settings(asdict(chosen))


def value(cache: str, entry: str, content: bytes, version: int, as_json: bool) -> None:
    """Print the value of an entry."""
    if not as_json:
        put_out(content)
        return
    text, encoding = written(content)
    show.as_json({"cache": cache, "entry": entry, "value": text, "encoding": encoding, "version": version})


def report(cache: CacheReport, as_json: bool) -> None:
    """Print a cache in numbers, shard by shard."""
    if as_json:
        show.as_json(asdict(cache))
        return
    closing = ", closing" if any(each.closing for each in cache.shards) else ""
    show.say(f"{cache.name}: {cache.settings.mode}, {spread(len(cache.shards))}{closing}", "bold")
    table = show.table(None, "of", *COUNTS, right=frozenset(COUNTS))
    for number, each in enumerate(cache.shards) if len(cache.shards) > 1 else ():
        table.add_row(f"shard {number}", *_counts(each))
    table.add_row("all", *_counts(cache))
    show.out.print(table)
    show.settings(asdict(cache.settings))


def spread(shards: int) -> str:
    """Return over how many shards a cache is spread."""
    return "1 shard" if shards == 1 else f"{shards} shards"


def _counts(of: CacheStats | CacheReport) -> list[str]:
    return [show.number(getattr(of, name)) for name in COUNTS]


def caches(found: Sequence[tuple[str, Sequence[CacheStats]]], as_json: bool) -> None:
    """Print caches, each with its shards."""
    if as_json:
        for name, shards in found:
            show.as_json({"cache": name, "shards": len(shards)} | _sums(shards) | asdict(shards[0].settings))
        return
    if not found:
        show.say("no cache; `tidelock cache create NAME` makes one")
        return
    table = show.table(None, "cache", "mode", "shards", *COUNTS, right=frozenset({"shards", *COUNTS}))
    for name, shards in found:
        mode = shards[0].settings.mode + (", closing" if any(each.closing for each in shards) else "")
        counts = [show.number(count) for count in _sums(shards).values()]
        table.add_row(show.literal(name), mode, str(len(shards)), *counts)
    show.out.print(table)


def _sums(shards: Sequence[CacheStats]) -> dict[str, int]:
    return {name: sum(getattr(each, name) for each in shards) for name in COUNTS}


def entry(cache: str, view: EntryView, now: LeaseNow, as_json: bool) -> None:
    """Print an entry as the directory has it, and who has lines of it."""
    if as_json:
        lines = [_line_facts(each, now) for each in view.lines]
        expires = {"expires_in_ms": now.left_ms(view.expires_at) if view.expires_at else None}
        show.as_json({"cache": cache} | asdict(view) | expires | {"lines": lines})
        return
    show.say(f"{cache} {view.entry}: {_standing(view, now)}", "bold")
    if view.doing != "NOTHING" or view.waiting:
        show.say(
            f"under way: {view.doing}; {view.pending} clients have yet to acknowledge, {view.waiting} commands wait"
        )
    if not view.lines:
        show.say("no client keeps it")
        return
    table = show.table(None, "line", "client", "session", "token or ticket", "read lease")
    for each in view.lines:
        who = show.literal(f"{each.principal}/{each.client}")
        lease = f"{now.left(each.expires_at)} left" if now.left_ms(each.expires_at) else "over"
        table.add_row(each.state, who, show.literal(each.session or "-"), str(each.token), lease)
    show.out.print(table)
    if view.sharers > len(view.lines):
        show.say(f"and {show.number(view.sharers - len(view.lines))} more", "dim")


def _standing(view: EntryView, now: LeaseNow) -> str:
    if not view.found:
        return "no value"
    tags = f", tags {', '.join(view.tags)}" if view.tags else ""
    ttl = f", expires in {now.left(view.expires_at)}" if view.expires_at else ""
    return f"version {view.version}, {show.number(view.bytes)} bytes{tags}{ttl}"


def _line_facts(line: ShownLine, now: LeaseNow) -> dict[str, Any]:
    return asdict(line) | {"lease_left_ms": now.left_ms(line.expires_at)}

"""The kind `caches`, as the catalogue lists it. Standard library only."""

from typing import Final, get_args

from streams.domain.arguments import shard_name
from streams.domain.caches import decider
from streams.domain.caches.commands import Command, InspectCache, InspectEntry
from streams.domain.caches.events import Event
from streams.domain.caches.inspect import attached, sessions_of, shown
from streams.domain.caches.replies import Attached, Reply
from streams.domain.kind import CommandSpec, KindSpec

READS: Final = (InspectEntry, InspectCache)
"""Without answers that are kept. ReadEntry is none of them: it grants lines, and a repeat must get the same one."""


def _key(command: Command) -> str:
    return shard_name(command.cache, command.shard)


CACHES: Final = KindSpec(
    name="caches",
    decider=decider,
    commands=tuple(CommandSpec(each, deduplicated=each not in READS) for each in get_args(Command)),
    events=get_args(Event),
    replies=tuple(dict.fromkeys((*get_args(Reply), *get_args(Attached)))),
    key_of=_key,
    shown=shown,
    attached=attached,
    sessions_of=sessions_of,
    told=(
        "hits", "misses", "tier_hits", "loads", "local_writes", "writes", "write_backs", "lost", "invalidations",
        "evictions", "expiries", "rejoins",
    ),
)  # fmt: skip

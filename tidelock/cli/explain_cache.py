"""`tidelock explain cache`: why lines of an entry ended or were lost, and why reads and writes of it waited."""

import asyncio

from streams.domain.caches.inspect import view
from streams.domain.caches.state import ABSENT
from streams.domain.kind import KindSpec
from streams.log.vocabulary import Vocabulary
from streams.replay.caches.explanation import Explainer
from streams.replay.locks.story import Section
from tidelock.cli import cache_view
from tidelock.cli.cache_log import EntryAsked, read_entry
from tidelock.cli.lease_now import lease_at

MOST = 100_000
"""Steps of the entry that are looked at: the latest."""


def explain_entry(kafka: str, kind: KindSpec, asked: EntryAsked, *, json: bool) -> tuple[Section, ...]:
    """Return the story of an entry; for people, print first how it stands. Raises as `read_entry` does."""
    asked.check()
    found = asyncio.run(read_entry(kafka, asked, Vocabulary(kind), 0, MOST, quiet=json))
    explainer = Explainer()
    explainer.take(found.steps)
    if not json:
        stood = view(ABSENT if found.shard is None else found.shard, asked.entry)
        cache_view.entry(asked.cache, stood, lease_at(found.moment, found.moment.last_ms), as_json=False)
    return explainer.sections()

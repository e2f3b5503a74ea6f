"""What the log of one partition says of one entry of a cache: each step, and the shards as they stand. Pure."""

from collections.abc import Callable
from typing import Any, Final

from schemas.errors import SchemaError
from streams.domain.caches.state import Cache
from streams.log.accepted import AcceptedCommit, Decided
from streams.log.reader import UnknownEvent
from streams.log.vocabulary import ENGINE_EVENTS, Vocabulary
from streams.replay.caches.steps import Step
from streams.replay.caches.story import EntryStory
from streams.replay.causes import cause_of
from streams.wire.keys import key_of

SHARD_MARK: Final = "#"
"""Stands before the number of a shard in its key."""


def is_shard_of(key: str, tenant: str, name: str) -> bool:
    """Say whether a key is that of a shard of the tenant's resource."""
    own = key_of(tenant, name)
    return key == own or key.startswith(own + SHARD_MARK)


class EntryChronicle:
    """One partition, moved on commit by commit; `say` is told each step."""

    def __init__(
        self, tenant: str, cache: str, entry: str, words: Vocabulary, say: Callable[[Step], None]
    ) -> None:
        self.shards: dict[int, Cache] = {}
        """Those of the cache that are here, by their numbers."""
        self.used = False
        """Whether a shard of the cache was ever here."""
        self._tenant, self._cache = tenant, cache
        self._decider: Any = words.kind.decider
        self._say = say
        self._story = EntryStory(entry)

    def commit(self, accepted: AcceptedCommit) -> None:
        """Take the next commit that counts. Raises `UnknownEvent` if it cannot be read."""
        try:
            for decided in accepted.decided:
                if is_shard_of(decided.decision.key, self._tenant, self._cache):
                    self._decided(accepted, decided)
        except SchemaError as error:
            what = f"an event cannot be read ({error}). Upgrade before reading on."
            raise UnknownEvent(accepted.position, what) from error

    def _decided(self, accepted: AcceptedCommit, decided: Decided) -> None:
        key = decided.decision.key
        shard = int(key.rpartition(SHARD_MARK)[2]) if key != key_of(self._tenant, self._cache) else 0
        initial = self._decider.initial(key)
        state: Cache = self.shards.get(shard, initial)
        for event in decided.events:
            if type(event) in ENGINE_EVENTS:
                continue
            after = self._decider.evolve(state, event)
            cause = cause_of(accepted, decided)
            for told in self._story.tell(state, event, after, cause):
                self._say(Step(cause, told))
            state = after
            self.used = True
        if state is initial:
            self.shards.pop(shard, None)
        else:
            self.shards[shard] = state

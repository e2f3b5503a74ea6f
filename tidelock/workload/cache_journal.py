"""What the nodes of a run write down of a cache, so that it can be judged: each read and write, hits among them.

They are of one process and one event loop, so that one count tells the order of everything that they do. No two values
that are written are the same.
"""

from dataclasses import dataclass, field

from streams.domain.arguments import shard_name
from streams.wire.keys import key_of
from streams.wire.shards import shard_of
from tidelock.client.caches.cache import Cache
from tidelock.client.caches.terms import Keep
from tidelock.workload.consistency.operations import Kind, Operation, fingerprint


@dataclass(slots=True)
class CacheJournal:
    """The operations of one run, by one count."""

    run: str
    operations: list[Operation] = field(default_factory=list)
    _places: int = 0

    def place(self) -> int:
        """Return the next count."""
        self._places += 1
        return self._places


class CacheNode:
    """One client's use of one cache. Whatever it does is written down; what raises has no answer."""

    def __init__(
        self, journal: CacheJournal, client: str, tenant: str, cache: Cache[bytes], shards: int = 1
    ) -> None:
        self._journal = journal
        self._client = client
        self._cache = cache
        self._shards = shards
        self._keys = [key_of(tenant, shard_name(cache.name, shard)) for shard in range(shards)]

    async def read(self, entry: str) -> tuple[bytes | None, bool]:
        """Return the value and whether it was a hit; the cache's loader brings what is missing. Raises `TidelockError`.

        What was loaded here and found no room in the cache is nobody else's: it counts as without an answer.
        """
        operation = self._begun(entry, "READ")
        found = await self._cache.find(entry)
        if found is None:
            operation.ended = self._journal.place()
            return None, False
        operation.value, operation.version = fingerprint(found.value), found.version
        operation.local, operation.grant, operation.hit = found.local, found.granted, found.hit
        operation.ended = self._journal.place() if found.version else 0
        return found.value, found.hit

    async def write(self, entry: str, value: bytes, keep: Keep) -> bool:
        """Write; return whether it stayed here. Raises `TidelockError`."""
        operation = self._begun(entry, "WRITE")
        operation.value = fingerprint(value)
        operation.version = await self._cache.put(entry, value, keep=keep)
        if not operation.version:  # nothing was awaited since: the line is there, and has this value
            line = self._cache.held(entry)
            assert line is not None
            operation.version, operation.local = line.version, line.local
        operation.hit = operation.local > 0
        operation.ended = self._journal.place()
        return operation.hit

    async def delete(self, entry: str) -> None:
        """Remove. Raises `TidelockError`."""
        operation = self._begun(entry, "DELETE")
        await self._cache.delete(entry)
        operation.ended = self._journal.place()

    def _begun(self, entry: str, kind: Kind) -> Operation:
        journal, key = self._journal, self._keys[shard_of(entry, self._shards)]
        operation = Operation(self._client, journal.run, key, entry, kind, journal.place())
        journal.operations.append(operation)
        return operation

"""What a log is, by its first record."""

from streams.log.envelope import decode
from streams.log.ports import TopicReader
from streams.log.records import Genesis


async def genesis_of(log: TopicReader) -> Genesis | None:
    """Return the genesis of a log; None if it begins with something else. Waits for a first record."""
    async for records in log.read(0, 1):
        for stored in records:
            record = decode(stored.value)
            return record if isinstance(record, Genesis) else None
    return None

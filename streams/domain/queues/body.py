"""A message's body as the state keeps it: a plain tuple in the order of `MessageBody`. Standard library only.

The garbage collector forgets plain tuples of plain values, but looks at every object with attributes again and again:
at a million messages, most of a second each time.
"""

from typing import Final, TypeAlias

from streams.domain.queues.commands import Header, Origin

Body: TypeAlias = tuple[
    bytes, str | None, str | None, int, str | None, tuple[Header, ...], Origin | None, int
]
PAYLOAD: Final = 0
GROUP: Final = 1
PRIORITY: Final = 3
ORIGIN: Final = 6
ENQUEUED_AT: Final = 7


def weight(body: Body) -> int:
    """Return about how many bytes a body takes in an answer, at the most."""
    payload, group, key, _, dedup_id, headers, origin, _ = body
    total = 64 + len(payload)
    if group is not None:
        total += 4 * len(group)
    if key is not None:
        total += 4 * len(key)
    if dedup_id is not None:
        total += 4 * len(dedup_id)
    for header in headers:
        total += 8 + 4 * len(header.name) + 4 * len(header.value)
    if origin is not None:
        total += 16 + 4 * (len(origin.queue) + len(origin.message) + len(origin.reason))
    return total

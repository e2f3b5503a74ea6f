"""From a page of messages that are on their way to what their target is asked to take. Pure.

A message can be enqueued more than once: by two movers, or again after a crash. Its `origin` names the message and the
subscription, which a message leaves by moving once at most; so the target keeps one. A target remembers what
was moved to it for an hour at least (`streams.domain.queues`), whatever its own window: longer than a mover that was
killed in between stays away. After that, delivery is as everywhere: at least once.
"""

from collections.abc import Iterator
from hashlib import sha256

from streams.domain.queues.commands import NewMessage, Origin
from streams.domain.queues.replies import GONE, MessageBody, PeekedMessage
from streams.processes.mover.moves import Source, Span
from streams.processes.mover.ports import Page

MAX_BYTES = 300 * 1024
MAX_REASON = 500
MAX_NAME = 200
"""Characters of a move's name; of a longer one its hash is taken."""
OVERHEAD = 200
"""Bytes of a message besides its payload and headers, about."""

Batch = dict[int, NewMessage]
"""Messages by their numbers in the source, rising."""


def batch_of(page: Page, source: Source, target: str, limit: int) -> Batch:
    """Return the first messages of the page for `target`: at most `limit`, and about `MAX_BYTES`, but one at least."""
    batch: Batch = {}
    size = 0
    for peeked, body in _for(page, target):
        size += OVERHEAD + len(body.payload) + sum(len(h.name) + len(h.value) for h in body.headers)
        if len(batch) == limit or (batch and size > MAX_BYTES):
            break
        batch[peeked.message] = moved_message(page.incarnation, source, peeked, body)
    return batch


def rest_of(page: Page, target: str, span: Span, batch: Batch) -> Span | None:
    """Return where to look on when all of `batch` is done: behind it, or behind the page if it took all of that."""
    left = [peeked.message for peeked, _ in _for(page, target) if peeked.message not in batch]
    if left:
        return span.after(left[0] - 1)
    return None if page.next is None else span.after(page.next)


def moved_message(incarnation: int, source: Source, peeked: PeekedMessage, body: MessageBody) -> NewMessage:
    """Return the message as its target shall have it; its shard there is not chosen yet."""
    identity = f"{source.number}.{incarnation}.{peeked.message}"
    hops = 1 + (0 if body.origin is None else body.origin.hops)
    origin = Origin(source.queue, identity, peeked.reason, peeked.attempts, source.subscription, hops)
    dedup_id = dedup_id_of(source, identity)
    return NewMessage(body.payload, body.group, body.key, body.priority, 0, dedup_id, body.headers, 0, origin)


def dedup_id_of(source: Source, identity: str) -> str:
    """Return what names a move of a message. Each subscription of a broadcast queue moves its own."""
    whose = f":{source.subscription}" if source.subscription else ""
    name = f"{source.queue}:{identity}{whose}"
    if len(name) > MAX_NAME:
        name = sha256(name.encode()).hexdigest()
    return f"tidelock-move:{name}"


def _for(page: Page, target: str) -> Iterator[tuple[PeekedMessage, MessageBody]]:
    """Yield the messages for `target`, but those that were gone when their bodies were attached."""
    return ((peeked, body) for peeked, body in page.messages if peeked.to == target and body != GONE)

"""What a worker's events say became of messages."""

from streams.domain.queues.events import MessagesAcked, MessagesReturned
from tests.unit.client.queues.server import QueueWorker


def acked(worker: QueueWorker) -> int:
    """Return how many messages were acknowledged."""
    return sum(len(event.messages) for _, event in worker.events if isinstance(event, MessagesAcked))


def came_back(worker: QueueWorker, attempts: int) -> int:
    """Return how many messages came back with so many counted attempts."""
    return sum(
        each.attempts == attempts
        for _, event in worker.events
        if isinstance(event, MessagesReturned)
        for each in event.messages
    )

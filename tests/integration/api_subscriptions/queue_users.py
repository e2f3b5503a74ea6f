"""Who watches queues, and the log that their accounts are held against."""

from __future__ import annotations

from typing import Any

from storage.kafka.log import KafkaTopicReader
from storage.kafka.topic_facts import ends_of
from streams.domain.queues.kind import QUEUES
from streams.log.accepted import CommitReader
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tests.integration.api_subscriptions.users import Truth, User

QUEUE_EVENTS = """subscription($queue: String, $after: String) {
    it: queueEvents(queue: $queue, after: $after) { cursor queue shard position index kind count } }"""
DELIVERIES = """subscription($queue: String, $after: String) {
    it: queueEvents(queue: $queue, only: DELIVERED, after: $after) { cursor position index kind
        ... on MessagesEvent { messages { number attempts } consumer { client } token } } }"""
DEPTH = """subscription($queue: String!, $after: String) {
    it: queueDepth(queue: $queue, after: $after) { cursor exists messages depth { ready leased dead total } } }"""


class QueueTruth(Truth):
    """What the logs of queues hold, read from their beginnings."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[tuple[str, int], str] = {}

    @classmethod
    async def read(cls, kafka: str, tenant: str = "dev") -> QueueTruth:
        truth, words = cls(), Vocabulary(QUEUES)
        topic = PartitionId("queues", 0).log_topic
        for (_, partition), end in sorted((await ends_of(kafka, [topic])).items()):
            where = PartitionId("queues", partition)
            reader = CommitReader(where, words)
            async for records in KafkaTopicReader(kafka, topic, partition).read(0, end):
                for stored in records:
                    commit = reader.read(stored)
                    if commit is not None:
                        truth._commit(commit, tenant, {})
        return truth

    def _commit(self, commit: Any, tenant: str, _: dict[str, Any]) -> None:
        index, position = 0, str(commit.position)
        for decided in commit.decided:
            own, _, name = decided.decision.key.partition("/")
            for event in decided.events:
                if own == tenant:
                    queue = name.partition("#")[0]
                    self.events.setdefault(queue, []).append((position, index))
                    self.kinds[position, index] = type(event).__name__
                index += 1

    def due(self, user: User) -> list[Any]:
        """Return all events of the queue that `user` watches; of deliveries, those alone."""
        events = self.events.get(user.variables["queue"], [])
        wanted = "MessagesDelivered" if user.query == DELIVERIES else None
        return [one for one in events if wanted in (None, self.kinds[one])]

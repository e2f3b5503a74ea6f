"""The fields of `Query` that are about queues."""

import strawberry

from api.queries import messages as message_queries
from api.queries import queues as queue_queries
from api.types.messages import MessageConnection, MessageRecord
from api.types.queue_pages import QueueConnection
from api.types.queues import Queue


@strawberry.type
class QueueQuery:
    """What can be asked about queues. `notBefore` takes one position or several: a queue has several partitions."""

    queue: Queue | None = strawberry.field(
        resolver=queue_queries.queue,
        description="One queue; of `at`, if that is given. Null: there is, or was, none.",
    )
    queues: QueueConnection = strawberry.field(
        resolver=queue_queries.queues, description="Queues, by name; at most 100 a page."
    )
    messages: MessageConnection = strawberry.field(
        resolver=message_queries.messages,
        description="Messages that are there, of one subscription, by shard and number; at most 100 a page.",
    )
    dead_letters: MessageConnection = strawberry.field(
        resolver=message_queries.dead_letters, description="Those of them that are dead."
    )
    message: MessageRecord = strawberry.field(
        resolver=message_queries.message,
        description="One message by its id, whether it is still there or not.",
    )

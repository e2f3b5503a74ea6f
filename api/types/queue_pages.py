"""Pages of queues. They come as `api.paging.Page`."""

import strawberry

from api.types.asof import AsOf
from api.types.pages import PageInfo
from api.types.queues import Queue


@strawberry.type
class QueueEdge:
    """A queue and its cursor."""

    cursor: str
    node: Queue


@strawberry.type(description="Queues, by name.")
class QueueConnection:
    """A page."""

    edges: list[QueueEdge]
    nodes: list[Queue]
    page_info: PageInfo
    as_of: AsOf

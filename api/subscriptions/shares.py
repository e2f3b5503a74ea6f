"""How much of a node one principal may have, so that nobody takes all of it."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.errors import ApiError
from api.identity import Identity
from api.subscriptions.errors import TooManyConnections, TooManySubscriptions
from streams.domain.value import value

RETRY_MS = 1000


@value
class ShareLimits:
    """What each principal may have at a time: by default a quarter of what a node serves."""

    connections: int = 2_500
    """WebSockets and event streams."""
    subscriptions: int = 2_500


class Share:
    """Counts what each principal has of one thing."""

    def __init__(self, limit: int, refusal: Callable[[int], ApiError]) -> None:
        self._limit = limit
        self._refusal = refusal
        self._taken: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def one(self, who: Identity) -> Iterator[None]:
        """Count one more as long as it lasts. Raises `ApiError`."""
        principal = who.tenant, who.principal
        if self._taken[principal] >= self._limit:
            raise self._refusal(self._limit)
        self._taken[principal] += 1
        try:
            yield
        finally:
            self._taken[principal] -= 1
            if not self._taken[principal]:
                del self._taken[principal]


class Shares:
    """What is shared: connections, and subscriptions over them."""

    def __init__(self, limits: ShareLimits) -> None:
        self.connections = Share(limits.connections, _connections)
        self.subscriptions = Share(limits.subscriptions, _subscriptions)


def _connections(limit: int) -> ApiError:
    return TooManyConnections(
        f"This principal has {limit} connections here and gets no more. Share one, or use another node.",
        retry_after_ms=RETRY_MS,
    )


def _subscriptions(limit: int) -> ApiError:
    return TooManySubscriptions(
        f"This principal has {limit} subscriptions on this node and gets no more. End some, watch several locks by "
        "one `prefix`, or use another node.",
        retry_after_ms=RETRY_MS,
    )

"""What must hold of the queues of one partition, checked from their events alone.

Shares nothing with the decider or its fold: a second opinion. A message that was acknowledged, purged or moved is
forgotten, so that whoever names it again names what is not there.
"""

from collections import Counter
from typing import Any

from streams.domain.queues import events as e
from streams.domain.queues import replies as r
from streams.log.records import LoggedDecision
from streams.replay.findings import Report
from streams.replay.invariants import Complain
from streams.replay.queues.shard_model import ShardModel


class QueueInvariants:
    """A model of each shard that is there."""

    def __init__(self) -> None:
        self._shards: dict[str, ShardModel] = {}
        self._counts: Counter[str] = Counter()
        self._greatest = 0

    def event(
        self, number: int, event: Any, decision: LoggedDecision, lease_ms: int, complain: Complain
    ) -> None:
        """Check and remember one event."""
        key, asker = decision.key, (decision.principal, decision.client)
        self._count(event)
        match event:
            case e.QueueCreated():
                self._token(number, key, event.incarnation, complain)
                if key in self._shards:
                    complain("NO_SUCH_MESSAGE", f"{key}: it was created though it was there")
                self._shards[key] = ShardModel(key, event)
            case e.MessagesDelivered():
                self._token(number, key, event.token, complain)
                self._tell(key, event, asker, lease_ms, complain)
            case e.QueueDeleted():
                shard = self._shards.pop(key, None)
                if shard is None or len(shard.live) != event.messages:
                    had = "nothing" if shard is None else f"{len(shard.live)} messages"
                    complain(
                        "NO_SUCH_MESSAGE", f"{key}: deleted with {event.messages} messages, but had {had}"
                    )
            case _ if type(event).__module__ == e.__name__:
                self._tell(key, event, asker, lease_ms, complain)

    def reply(self, reply: Any, decision: LoggedDecision, complain: Complain) -> None:
        """Check an answer against what holds after its decision's events."""
        shard = self._shards.get(decision.key)
        match reply:
            case r.MessagesAccepted():
                new = [result.message for result in reply.results if result.outcome == "ENQUEUED"]
                if shard is None or reply.incarnation != shard.incarnation or new != shard.take_arrived():
                    complain("REPLY", f"{decision.key}: {len(new)} messages are said to be enqueued")
            case r.Delivery() if reply.messages:
                if shard is None or not shard.is_leased(
                    reply.token, [each.message for each in reply.messages]
                ):
                    complain(
                        "REPLY", f"{decision.key}: what token {reply.token} is said to lease, it does not"
                    )
            case r.QueueStats():
                found = {} if shard is None else shard.stats()
                told = _told(reply)
                if told != found:
                    complain("REPLY", f"{decision.key}: said to hold {told}, but by its events {found}")
            case _:
                pass

    def finish(self, report: Report) -> None:
        """Write down what was counted, and what is still there."""
        report.greatest_token = self._greatest
        states: Counter[str] = Counter()
        for shard in self._shards.values():
            states += shard.states()
        report.counts = {
            "queues": len(self._shards), **{name: self._counts[name] for name in _COUNTED.values()},
            "messages": sum(len(shard.live) for shard in self._shards.values()), "leased": states["LEASED"],
            "dead_letters": states["DEAD"], "moving": states["MOVING"],
        }  # fmt: skip

    def _tell(self, key: str, event: Any, asker: tuple[str, str], lease_ms: int, complain: Complain) -> None:
        shard = self._shards.get(key)
        if shard is not None:
            shard.event(event, asker, lease_ms, complain)
        elif not isinstance(event, e.ReceiveEnded):  # waits end after their queue
            complain("NO_SUCH_MESSAGE", f"{key}: {type(event).__name__} of a queue that is not there")

    def _token(self, number: int, key: str, token: int, complain: Complain) -> None:
        if token != number or token <= self._greatest:
            complain("TOKEN", f"{key}: token {token} instead of {number}, after {self._greatest}")
        self._greatest = max(self._greatest, token)

    def _count(self, event: Any) -> None:
        name = _COUNTED.get(type(event))
        if name is not None:
            self._counts[name] += len(event.messages)


_COUNTED: dict[type, str] = {
    e.MessagesEnqueued: "enqueued",
    e.MessagesDelivered: "delivered",
    e.MessagesAcked: "acked",
    e.MessagesDied: "died",
    e.MessagesMoved: "moved",
}


def _told(stats: r.QueueStats) -> dict[str, object]:
    subscriptions = {
        each.subscription: (each.ready + each.delayed, each.leased, each.dead, each.moving)
        for each in stats.subscriptions
    }
    return {"messages": stats.messages, "bytes": stats.bytes, "subscriptions": subscriptions}

"""What the log says of the messages of a run: the life of each, from the events alone."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from streams.domain.arguments import shard_name
from streams.domain.queues import events as e
from streams.replay.verify import Decided
from streams.wire.shards import MAX_SHARDS
from tidelock.client.queues.ids import MessageId
from tidelock.workload.journal import Journal, group_of, payload_of

Place: TypeAlias = tuple[int, int, int]
"""Shard, incarnation and number: a message id, quick to look up."""


@dataclass(slots=True)
class Delivered:
    """One delivery."""

    token: int
    attempt: int
    client: str


@dataclass(slots=True)
class Life:
    """What happened to one message that this run's producers put."""

    line: int
    """0: nobody can tell."""
    group: str
    altered: bool
    """It is not what was put."""
    deliveries: list[Delivered] = field(default_factory=list)
    acks: list[int] = field(default_factory=list)
    """Tokens of the deliveries that were acknowledged: one, if all is well."""
    nacks: list[int] = field(default_factory=list)
    """Tokens of the deliveries that were failed by their handler."""
    deaths: list[int] = field(default_factory=list)
    """Tokens of the deliveries that were the last that it may have."""
    lapsed: int = 0
    """Leases that ended without a word: such an attempt counts, too."""
    given_back: int = 0
    """Deliveries that were returned unworked."""
    came_back: int = 0
    """Deliveries after it was acknowledged."""
    ends: list[str] = field(default_factory=list)
    """Whatever else became of it: it died, was purged, moved or deleted with its queue."""


class Ledger:
    """The lives of a run's messages. Told of all that counts, in the order of each log."""

    def __init__(self, tenant: str, queue: str, clients: Collection[str], journal: Journal) -> None:
        self.lives: dict[Place, Life] = {}
        self.acked: dict[str, list[int]] = {}
        """By group: lines in the order in which they were acknowledged."""
        self._shards = {f"{tenant}/{shard_name(queue, each)}": each for each in range(MAX_SHARDS)}
        self._incarnations: dict[int, int] = {}
        self._clients = clients
        self._journal = journal

    def life(self, message: MessageId) -> Life | None:
        """Return what happened to a message, if it is in the log and this run's."""
        return self.lives.get((message.shard, message.incarnation, message.number))

    def take(self, decided: Sequence[Decided]) -> None:
        """Note the events of one record's decisions."""
        for one in decided:
            shard = self._shards.get(one.decision.key)
            if shard is not None:
                for event in one.events:
                    self._event(shard, event)

    def _event(self, shard: int, event: Any) -> None:
        match event:
            case e.QueueCreated():
                self._incarnations[shard] = event.incarnation
            case e.MessagesEnqueued() if event.client in self._clients:
                for number, message in enumerate(event.messages, event.first):
                    self.lives[shard, self._incarnations.get(shard, 0), number] = self._begun(message)
            case e.QueueDeleted() | e.SubscriptionRemoved():
                self._cleared(shard, type(event).__name__)
            case (
                e.MessagesDelivered() | e.MessagesAcked() | e.MessagesReturned() | e.MessagesDied() | e.MessagesMoved()
                | e.MessagesPurged() | e.MessagesRedriven() | e.MovesFailed()
            ):  # fmt: skip
                for named in event.messages:
                    number = named if isinstance(named, int) else named.message
                    life = self.lives.get((shard, self._incarnations.get(shard, 0), number))
                    if life is not None:
                        self._happened(life, event, named)
            case _:
                pass

    def _begun(self, message: e.EnqueuedMessage) -> Life:
        journal, group = self._journal, message.group or ""
        try:
            said = json.loads(message.payload)
        except ValueError:
            said = None
        io = journal.io_of(said)
        if io is None:
            return Life(0, group, altered=True)
        return Life(io.line, group, altered=said != payload_of(io, journal.run) or group != group_of(io))

    def _happened(self, life: Life, event: Any, named: Any) -> None:
        match event:
            case e.MessagesDelivered():
                life.deliveries.append(Delivered(event.token, named.attempt, event.client))
                life.came_back += bool(life.acks)
            case e.MessagesAcked():
                life.acks.append(life.deliveries[-1].token if life.deliveries else 0)
                self.acked.setdefault(life.group, []).append(life.line)
            case e.MessagesReturned():
                self._returned(life, event, named)
            case _:
                life.ends.append(type(event).__name__)
                if isinstance(event, e.MessagesDied) and event.cause == "ATTEMPTS" and life.deliveries:
                    life.deaths.append(life.deliveries[-1].token)

    def _returned(self, life: Life, event: e.MessagesReturned, named: e.Return) -> None:
        last = life.deliveries[-1] if life.deliveries else Delivered(0, 0, "")
        if named.attempts < last.attempt:
            life.given_back += 1
        elif event.cause == "NACKED":
            life.nacks.append(last.token)
        else:
            life.lapsed += 1

    def _cleared(self, shard: int, what: str) -> None:
        for (where, incarnation, _), life in self.lives.items():
            if (where, incarnation) == (shard, self._incarnations.get(shard, 0)) and not life.acks:
                life.ends.append(what)

"""Who is connected, and sending an accepted commit's answers and pushes to them."""

from collections.abc import Iterator
from typing import Protocol

from streams.domain.roles import Role
from streams.domain.value import value
from streams.engine.batch import Batch
from streams.engine.ports import ReplyTo
from streams.log.answers import Answers
from streams.log.positions import PartitionId
from streams.wire.messages import NO_COMMIT, Answer


@value
class Identity:
    """Who a command acts for."""

    tenant: str
    principal: str
    roles: tuple[Role, ...] = ()


class Directory(Protocol):
    """What an owner needs to know about the rest of its worker."""

    def connection_of(self, principal: str, client: str) -> ReplyTo | None:
        """Return where to reach a client, or None."""

    def address_of(self, where: PartitionId) -> str | None:
        """Return where the partition's owner listens, as far as known."""

    def topic_identity(self) -> Identity:
        """Return who commands of the topic lane act for."""


def deliver(directory: Directory, where: PartitionId, offset: int, batch: Batch) -> None:
    """Send what the commit at `offset` answers, one frame a connection, and what it did not have to decide."""
    by_connection = _by_connection(batch.deliveries)
    for settlement, answer in batch.pushes:
        waiting = directory.connection_of(settlement.principal, settlement.client)
        if waiting is not None:
            by_connection.setdefault(waiting, []).append(answer)
    for connection, answers in by_connection.items():
        connection.answer(where, offset, batch.lease_ms, batch.mark_ms, answers)
    for connection, answers in _by_connection(batch.undecided).items():
        connection.answer(where, NO_COMMIT, 0, batch.mark_ms, answers)


def _by_connection(told: list[tuple[ReplyTo, Answer]]) -> dict[ReplyTo, list[Answer]]:
    by_connection: dict[ReplyTo, list[Answer]] = {}
    for connection, answer in told:
        by_connection.setdefault(connection, []).append(answer)
    return by_connection


def open_waits(directory: Directory, answers: Answers) -> Iterator[tuple[ReplyTo, int]]:
    """Yield (connection, sequence) of each command that waits and whose client is connected here."""
    for (principal, client), entry in answers.clients.items():
        connection = directory.connection_of(principal, client)
        if connection is not None:
            for sequence, stored in entry.answers.items():
                if stored.waiting:
                    yield connection, sequence

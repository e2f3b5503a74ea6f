"""`ack`, `nack` and `extend`: one command for each shard that receipts are of."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from api.context import Info
from api.mutations.messages import within
from api.mutations.refusals import refusal_of
from api.mutations.speaking import QUEUES, shown, speaking
from api.types.queue_results import RefusedReceipt, SettledMessages, SettleResult
from streams.domain.queues.commands import AckMessages, ExtendLeases, Receipt
from streams.domain.queues.limits import MAX_BATCH
from streams.domain.queues.replies import ReceiptsTaken
from streams.domain.value import value
from streams.log.positions import Position as LogPosition
from tidelock.client.client import Client
from tidelock.client.errors import ReceiptInvalid, TidelockError
from tidelock.client.queues.appetite import lease_ms_of
from tidelock.client.queues.commands import nack_command
from tidelock.client.queues.ids import ReceiptId

WITHIN_S = 30.0
"""A shard that does not answer must not cost the answers of the others, which a mutation may wait for twice as long."""

Command = Callable[[int, tuple[Receipt, ...]], Any]
"""Of a shard and its receipts."""


async def ack(
    info: Info, queue: str, receipts: list[str], subscription: str = "", session: str | None = None
) -> SettleResult:
    """Messages are done."""

    def command(shard: int, some: tuple[Receipt, ...]) -> AckMessages:
        return AckMessages(queue, shard, subscription, some)

    return await _settle(info, session, queue, receipts, command)


async def nack(
    info: Info,
    queue: str,
    receipts: list[str],
    delay_ms: int | None = None,
    reason: str = "",
    returned: bool = False,
    subscription: str = "",
    session: str | None = None,
) -> SettleResult:
    """Messages are not done."""
    delay = None if delay_ms is None else delay_ms / 1000

    def command(shard: int, some: tuple[Receipt, ...]) -> Any:
        return nack_command(queue, shard, subscription, some, delay, reason, returned)

    return await _settle(info, session, queue, receipts, command)


async def extend(
    info: Info,
    queue: str,
    receipts: list[str],
    lease_ms: int | None = None,
    subscription: str = "",
    session: str | None = None,
) -> SettleResult:
    """Keep messages for longer."""
    lease = None if lease_ms is None else lease_ms / 1000

    def command(shard: int, some: tuple[Receipt, ...]) -> ExtendLeases:
        return ExtendLeases(queue, shard, subscription, some, lease_ms_of(lease))

    return await _settle(info, session, queue, receipts, command)


async def _settle(
    info: Info, session: str | None, queue: str, receipts: list[str], command: Command
) -> SettleResult:
    try:
        within("receipts", len(receipts), 1, MAX_BATCH)
        shards = _by_shard(receipts)
        async with speaking(info, session) as client:
            return await _settled(client, queue, shards, command)
    except TidelockError as error:
        return refusal_of(error)


def _by_shard(receipts: list[str]) -> dict[int, tuple[Receipt, ...]]:
    shards: dict[int, dict[Receipt, None]] = {}
    for one in map(ReceiptId.parse, receipts):
        shards.setdefault(one.shard, {})[Receipt(one.number, one.token)] = None
    return {shard: tuple(some) for shard, some in shards.items()}


@value
class _Outcome:
    """What became of the receipts of one shard."""

    taken: int
    refused: tuple[RefusedReceipt, ...]
    position: LogPosition | None
    left_ms: int | None = None
    error: TidelockError | None = None
    """Why none of them was taken, or that nobody knows."""


async def _settled(
    client: Client, queue: str, shards: dict[int, tuple[Receipt, ...]], command: Command
) -> SettledMessages:
    """Send the commands. If no receipt was taken, and for one reason alone, raise that."""
    outcomes = await asyncio.gather(
        *[_of_shard(client, queue, shard, some, command) for shard, some in shards.items()]
    )
    taken, errors = sum([one.taken for one in outcomes]), [one.error for one in outcomes if one.error]
    if not taken and len({error.code for error in errors}) == 1:
        raise errors[0]
    left_ms = [one.left_ms for one in outcomes if one.left_ms is not None]
    return SettledMessages(
        taken=taken,
        refused=[each for one in outcomes for each in one.refused],
        expires_in_ms=min(left_ms, default=None),
        positions=shown([one.position for one in outcomes]),
    )


async def _of_shard(
    client: Client, queue: str, shard: int, some: tuple[Receipt, ...], command: Command
) -> _Outcome:
    try:
        answer = await client.ask(QUEUES, command(shard, some), timeout=WITHIN_S)
    except TidelockError as error:
        told = dict(error.details) if isinstance(error, ReceiptInvalid) else {}
        why = [told.get(f"{one.message}.{one.token}", error.code) for one in some]
        refused = tuple(_refused(shard, one, problem) for one, problem in zip(some, why, strict=True))
        return _Outcome(0, refused, error.position, error=error)
    reply = cast("ReceiptsTaken", answer.reply)
    refused = tuple(_refused(shard, Receipt(one.message, one.token), one.problem) for one in reply.refused)
    left_ms = _left_ms(client, queue, shard, reply.expires_at) if reply.expires_at else None
    return _Outcome(reply.taken, refused, answer.position, left_ms)


def _left_ms(client: Client, queue: str, shard: int, expires_at: int) -> int:
    queues = client.queues
    return max(0, int((queues.place(queue, shard).trusted_until(expires_at) - queues.clock.now()) * 1000))


def _refused(shard: int, one: Receipt, problem: str) -> RefusedReceipt:
    return RefusedReceipt(receipt=str(ReceiptId(shard, one.message, one.token)), problem=problem)

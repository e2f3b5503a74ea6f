"""`ack`, `nack` and `extend`: one command for each shard that receipts are of."""

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
from streams.log.positions import Position as LogPosition
from tidelock.client.client import Client
from tidelock.client.errors import ReceiptInvalid, TidelockError
from tidelock.client.queues.commands import nack_command
from tidelock.client.queues.ids import ReceiptId

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

    def command(shard: int, some: tuple[Receipt, ...]) -> ExtendLeases:
        return ExtendLeases(queue, shard, subscription, some, lease_ms or 0)

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


async def _settled(
    client: Client, queue: str, shards: dict[int, tuple[Receipt, ...]], command: Command
) -> SettledMessages:
    """Send the commands; only if no receipt of any was good, raise `ReceiptInvalid`."""
    taken, left_ms = 0, list[int]()
    refused, positions, last = list[RefusedReceipt](), list[LogPosition | None](), None
    for shard, some in shards.items():
        try:
            answer = await client.ask(QUEUES, command(shard, some))
        except ReceiptInvalid as error:
            last = error
            positions.append(error.position)
            refused += [_refused(shard, one, error.problem) for one in some]
            continue
        reply = cast("ReceiptsTaken", answer.reply)
        taken += reply.taken
        positions.append(answer.position)
        refused += [_refused(shard, Receipt(one.message, one.token), one.problem) for one in reply.refused]
        if reply.expires_at:
            left_ms.append(_left_ms(client, queue, shard, reply.expires_at))
    if last is not None and not taken:
        raise last
    return SettledMessages(
        taken=taken, refused=refused, expires_in_ms=min(left_ms, default=None), positions=shown(positions)
    )


def _left_ms(client: Client, queue: str, shard: int, expires_at: int) -> int:
    queues = client.queues
    return max(0, int((queues.place(queue, shard).trusted_until(expires_at) - queues.clock.now()) * 1000))


def _refused(shard: int, one: Receipt, problem: str) -> RefusedReceipt:
    return RefusedReceipt(receipt=str(ReceiptId(shard, one.message, one.token)), problem=problem)

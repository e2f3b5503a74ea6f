"""Making, changing and removing queues."""

from typing import Final, cast

from api.context import Info
from api.mutations.messages import within
from api.mutations.refusals import refusal_of
from api.mutations.speaking import inspected, speaking
from api.types.queue_inputs import QueueSettingsInput
from api.types.queue_results import (
    ChangedQueue,
    ChangedSubscription,
    ChangeQueueResult,
    ChangeSubscriptionResult,
    DeletedQueue,
    DeleteQueueResult,
    ResizedQueue,
    ResizeQueueResult,
)
from api.types.queues import QueueRoute, QueueSettings
from api.types.scalars import Long
from tidelock.client.client import Client
from tidelock.client.errors import TidelockError
from tidelock.client.queues.terms import settings_of

MAX_VERSION: Final = 2**63 - 1


async def create_queue(
    info: Info,
    name: str,
    shards: int = 1,
    settings: QueueSettingsInput | None = None,
    session: str | None = None,
) -> ChangeQueueResult:
    """Make a queue."""
    try:
        async with speaking(info, session) as client:
            await client.queue(name).create(shards=shards, **(settings or QueueSettingsInput()).options())
            return await _changed(client, name)
    except TidelockError as error:
        return refusal_of(error)


async def configure_queue(
    info: Info,
    name: str,
    settings: QueueSettingsInput,
    version: Long | None = None,
    session: str | None = None,
) -> ChangeQueueResult:
    """Change settings; with `version`, only if they are still of this one."""
    try:
        if version is not None:
            within("version", version, 1, MAX_VERSION)
        async with speaking(info, session) as client:
            queue, options = client.queue(name), settings.options()
            if version is not None:
                home = await client.queues.inspect(name)
                wanted = settings_of(home.settings, **options)
                await client.queues.configure(name, wanted, version=version)
            await queue.configure(**options)
            return await _changed(client, name)
    except TidelockError as error:
        return refusal_of(error)


async def pause_queue(info: Info, name: str, session: str | None = None) -> ChangeQueueResult:
    """Deliver nothing."""
    return await configure_queue(info, name, QueueSettingsInput(paused=True), None, session)


async def resume_queue(info: Info, name: str, session: str | None = None) -> ChangeQueueResult:
    """Deliver again."""
    return await configure_queue(info, name, QueueSettingsInput(paused=False), None, session)


async def delete_queue(
    info: Info, name: str, force: bool = False, session: str | None = None
) -> DeleteQueueResult:
    """Remove a queue."""
    try:
        async with speaking(info, session) as client:
            return DeletedQueue(name=name, messages=await client.queue(name).delete(force=force))
    except TidelockError as error:
        return refusal_of(error)


async def resize_queue(info: Info, name: str, shards: int, session: str | None = None) -> ResizeQueueResult:
    """Begin to spread a queue over so many shards, or go on with it."""
    try:
        async with speaking(info, session) as client:
            reached = await client.queue(name).resize(shards, wait=False)
            return ResizedQueue(
                name=name,
                shards=reached.shards,
                drained=reached.drained,
                involved=reached.involved,
                left=reached.left,
                done=reached.done,
            )
    except TidelockError as error:
        return refusal_of(error)


async def add_subscription(
    info: Info, queue: str, subscription: str, session: str | None = None
) -> ChangeSubscriptionResult:
    """Keep messages for one more subscription."""
    try:
        async with speaking(info, session) as client:
            await client.queue(queue).subscription(subscription).add()
            _, positions = await inspected(client, queue)
            return ChangedSubscription(queue=queue, subscription=subscription, positions=positions)
    except TidelockError as error:
        return refusal_of(error)


async def remove_subscription(
    info: Info, queue: str, subscription: str, force: bool = False, session: str | None = None
) -> ChangeSubscriptionResult:
    """Forget a subscription."""
    try:
        async with speaking(info, session) as client:
            await client.queue(queue).subscription(subscription).remove(force=force)
            _, positions = await inspected(client, queue)
            return ChangedSubscription(queue=queue, subscription=subscription, positions=positions)
    except TidelockError as error:
        return refusal_of(error)


async def _changed(client: Client, name: str) -> ChangedQueue:
    home, positions = await inspected(client, name)
    return ChangedQueue(
        name=name,
        version=Long(home.version),
        settings=cast("QueueSettings", home.settings),
        route=cast("QueueRoute", home.route),
        positions=positions,
    )

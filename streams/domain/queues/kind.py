"""The kind `queues`, as the catalogue lists it. Standard library only."""

from typing import Final, get_args

from streams.domain.arguments import shard_name
from streams.domain.kind import CommandSpec, KindSpec
from streams.domain.queues import decider
from streams.domain.queues.commands import Command, ConfirmMoves, InspectQueue, PeekMessages
from streams.domain.queues.events import Event
from streams.domain.queues.inspect import attached, shown
from streams.domain.queues.replies import MessageBody, Reply
from streams.domain.queues.sessions import sessions_of

READS: Final = (PeekMessages, InspectQueue)


def _key(command: Command) -> str:
    return shard_name(command.queue, command.shard)


def _spec(command: type) -> CommandSpec:
    if command is ConfirmMoves:
        return CommandSpec(command, roles=("SYSTEM",))
    return CommandSpec(command, deduplicated=command not in READS)


QUEUES: Final = KindSpec(
    name="queues",
    decider=decider,
    commands=tuple(_spec(each) for each in get_args(Command)),
    events=get_args(Event),
    replies=(*get_args(Reply), MessageBody),
    key_of=_key,
    shown=shown,
    sessions_of=sessions_of,
    attached=attached,
)

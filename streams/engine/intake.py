"""From bytes to a pending command, the same on both lanes: decode, who asks, which partition, is it well formed."""

from schemas.catalogue import HEADER
from schemas.messages import command_hash
from streams.domain.arguments import refuse_text
from streams.domain.decider import Rejected, Requester
from streams.domain.roles import forbidden
from streams.engine.outbox import Identity
from streams.engine.pending import Pending
from streams.engine.ports import ReplyTo
from streams.log.records import MAX_COMMAND_BYTES, Lane
from streams.log.vocabulary import ENGINE_COMMANDS, Vocabulary
from streams.wire.keys import place
from streams.wire.messages import Barrier, EndSession
from streams.wire.metas import MAX_LABEL, meta_problem

MAX_CAUSE = 256


class CommandTooLarge(Exception):
    """The command is over the limit."""

    code = "COMMAND_TOO_LARGE"

    def __init__(self, size: int) -> None:
        super().__init__(
            f"The command is {size} bytes, the limit is {MAX_COMMAND_BYTES}. Split it, or store the payload elsewhere "
            "and send a reference."
        )


def take_in(
    data: bytes,
    lane: Lane,
    vocabulary: Vocabulary,
    partitions: int,
    identity: Identity,
    reply_to: ReplyTo | None,
) -> tuple[int, Pending]:
    """Return (partition, pending command) of `data`. Raises `SchemaError`, `CommandTooLarge`."""
    if len(data) > MAX_COMMAND_BYTES:
        raise CommandTooLarge(len(data))
    meta, command, end = vocabulary.split_command(data)
    who = Requester(
        identity.principal, meta.client, meta.handle, meta.sequence, meta.session or "", identity.roles
    )
    refusal, key, partition = meta_problem(meta, identity.tenant), "", -1
    if refusal is None:
        refusal = _not_allowed(type(command), vocabulary, identity)
    if refusal is None:
        if type(command) in ENGINE_COMMANDS:
            refusal, partition = _whole_partition(command, vocabulary.kind.name, partitions)
        else:
            refusal, key, partition = place(meta.tenant, vocabulary.kind.key_of(command), partitions)
    pending = Pending(lane, meta, command, key, who, command_hash(data), len(data), reply_to)
    pending.refusal = refusal
    pending.meta_bytes = data[HEADER:end]
    return partition, pending


def _not_allowed(command: type, vocabulary: Vocabulary, identity: Identity) -> Rejected | None:
    roles = vocabulary.specs[command].roles
    if not roles or any(role in roles for role in identity.roles):
        return None
    return forbidden(command, roles)


def _whole_partition(
    command: Barrier | EndSession, kind: str, partitions: int
) -> tuple[Rejected | None, int]:
    if isinstance(command, EndSession):
        refused = refuse_text("ended", command.ended, MAX_LABEL) or refuse_text(
            "cause", command.cause, MAX_CAUSE
        )
        if refused is not None:
            return refused, -1
    if command.kind == kind and 0 <= command.partition < partitions:
        return None, command.partition
    return Rejected(
        "WRONG_PARTITION",
        f"There is no partition {command.partition} of '{command.kind[:MAX_LABEL]}' here: {kind} has {partitions}.",
    ), -1

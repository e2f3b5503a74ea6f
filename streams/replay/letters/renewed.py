"""A command that became a dead letter, asked anew: a new command, by a client of its own, with a fresh deadline.

The old one is answered for good: its refusal stands in the log, and it may be long past its deadline."""

from dataclasses import replace

from schemas.errors import SchemaError
from streams.domain.value import value
from streams.log.letters import COMMANDS
from streams.log.positions import PartitionId
from streams.log.vocabulary import ENGINE_COMMANDS, Vocabulary
from streams.replay.letters.errors import NotRenewable
from streams.replay.letters.shelf import Filed
from streams.wire.keys import place
from streams.wire.metas import meta_problem

DEADLINE_MS = 60_000


@value
class Renewed:
    """A record for a commands topic."""

    where: PartitionId
    name: str
    key: str
    client: str
    body: bytes


def renewed(filed: Filed, vocabulary: Vocabulary, partitions: int, now_ms: int, turn: int = 0) -> Renewed:
    """Return the new command. Raises `NotRenewable`.

    `turn`: how often it was redriven before. It is the command's sequence, so of two operators who redrive a letter at
    the same moment one is refused (`SEQUENCE_REUSED`).
    """
    letter = filed.letter
    if letter.stage not in COMMANDS:
        raise NotRenewable(filed.id, "it is a decision, which stands. Rebuild the read model instead.")
    if letter.body is None or letter.cut:
        raise NotRenewable(filed.id, "it has no value, or not all of it. Have its producer send it again.")
    try:
        meta, command = vocabulary.decode_command(letter.body)
    except SchemaError as error:
        raise NotRenewable(
            filed.id, f"{error} Start the release that knows it, or have its producer send it again."
        ) from error
    if type(command) in ENGINE_COMMANDS:
        raise NotRenewable(filed.id, "it is a command of the platform's own processes, which repeat theirs.")
    client = f"redrive-{filed.id}"
    fresh = replace(
        meta,
        floor=0,
        client=client,
        sequence=turn,
        issued_ms=now_ms,
        deadline_ms=now_ms + DEADLINE_MS,
        session=None,
    )
    malformed = meta_problem(fresh, letter.tenant)
    problem, key, partition = place(meta.tenant, vocabulary.kind.key_of(command), partitions)
    for refused in (malformed, problem):
        if refused is not None:
            raise NotRenewable(filed.id, refused.message)
    body = vocabulary.encode_command(fresh, command)
    return Renewed(PartitionId(letter.kind, partition), type(command).__name__, key, client, body)

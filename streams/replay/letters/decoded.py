"""What a letter holds, decoded as far as this release can."""

from schemas.errors import SchemaError
from streams.log.envelope import decode
from streams.log.letters import COMMANDS, DeadLetter
from streams.log.records import Commit
from streams.log.vocabulary import Vocabulary
from streams.replay.plain import plain, typed

UNKNOWN = "unknown"


def decoded(letter: DeadLetter, vocabulary: Vocabulary) -> dict[str, object]:
    """Return the command, or the decision with its events, as plain data; what cannot be decoded is told why."""
    if letter.body is None:
        return {UNKNOWN: "the record has no value"}
    if letter.cut:
        return {
            UNKNOWN: f"only its beginning is kept; the whole is {letter.topic}/{letter.partition}@{letter.offset}"
        }
    if letter.stage in COMMANDS:
        return _command(letter.body, vocabulary)
    record = decode(letter.body)
    if not isinstance(record, Commit) or letter.decision is None or letter.decision >= len(record.decisions):
        return {UNKNOWN: "the record holds no such decision"}
    decision = record.decisions[letter.decision]
    return {
        "command": decision.command, "key": decision.key, "principal": decision.principal,
        "meta": plain(decision.meta), "events": [_event(each, vocabulary) for each in decision.events],
    }  # fmt: skip


def _command(body: bytes, vocabulary: Vocabulary) -> dict[str, object]:
    try:
        meta, command = vocabulary.decode_command(body)
    except SchemaError as error:
        return {UNKNOWN: str(error)}
    return {"meta": plain(meta), "command": typed(command)}


def _event(event: bytes, vocabulary: Vocabulary) -> dict[str, object]:
    try:
        return typed(vocabulary.decode_event(event))
    except SchemaError as error:
        return {UNKNOWN: str(error), "bytes": plain(event)}

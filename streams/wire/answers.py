"""Answers frames, written fast: what all frames of one commit share is encoded once.

Same bytes as encoding `Answers` by its schema; a property test holds the two together.
"""

from collections.abc import Sequence

from schemas.messages import Messages
from schemas.varints import write_varint
from streams.wire.messages import Answer, Answers


def answers_prefix(
    frames: Messages, kind: str, partition: int, offset: int, lease_ms: int, mark_ms: int
) -> bytes:
    """Return the bytes that every frame of one commit begins with."""
    return frames.encode(Answers(kind, partition, offset, lease_ms, mark_ms, ()))[:-1]


def answers_record(prefix: bytes, answers: Sequence[Answer]) -> bytes:
    """Return the record of `answers` (at least one) behind `prefix`."""
    parts = [prefix, write_varint(len(answers) << 1)]
    for answer in answers:
        reply = answer.reply
        sequence = answer.sequence << 1
        zigzag = write_varint(sequence if sequence >= 0 else ~sequence)
        waiting = b"\x01" if answer.waiting else b"\x00"
        parts += (zigzag, waiting, write_varint(len(reply) << 1), reply)
        if answer.payloads:
            parts.append(write_varint(len(answer.payloads) << 1))
            for payload in answer.payloads:
                parts += (write_varint(len(payload) << 1), payload)
        parts.append(b"\x00")
    parts.append(b"\x00")
    return b"".join(parts)

"""Answers frames, written fast: what all frames of one commit share is encoded once.

Same bytes as encoding `Answers` by its schema; a property test holds the two together.
"""

from collections.abc import Iterator, Sequence

from schemas.messages import Messages
from schemas.varints import write_varint
from streams.wire.frames import MAX_FRAME_BYTES
from streams.wire.messages import Answer, Answers

MAX_PART_ANSWERS = 4096
MAX_PART_BYTES = MAX_FRAME_BYTES - 1024
_ANSWER_BYTES = 32
"""Room for an answer's numbers and lengths, at the most."""


def split_answers(answers: Sequence[Answer]) -> Iterator[Sequence[Answer]]:
    """Yield `answers` in order, in parts that fit a frame (an answer that is too large for any goes alone)."""
    begin = size = 0
    for index, answer in enumerate(answers):
        length = _ANSWER_BYTES + len(answer.reply)
        if answer.payloads:
            length += sum(len(payload) + 5 for payload in answer.payloads)
        if index > begin and (size + length > MAX_PART_BYTES or index - begin == MAX_PART_ANSWERS):
            yield answers[begin:index]
            begin, size = index, 0
        size += length
    yield answers[begin:] if begin else answers


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

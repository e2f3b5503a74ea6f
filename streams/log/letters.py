"""Dead letters of the platform: what could not be decoded, decided, folded or stored, with its place and the reason.

Not the dead letters of queues (`streams.domain.queues`): those are messages that their consumers gave up. A letter is
a copy; the record stays where it was.
"""

from functools import cache
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from schemas.messages import Messages, bind
from streams.domain.value import value
from streams.log.positions import PartitionId
from streams.log.release import RELEASE

Stage: TypeAlias = Literal["DECODE", "DECIDE", "PROJECTION", "SINK"]
"""Where it was given up: two on the way into the log, two on the way into a read model."""
COMMANDS: Final[frozenset[Stage]] = frozenset({"DECODE", "DECIDE"})
MAX_BODY_BYTES: Final = 1536 * 1024
"""What a letter keeps of a record; what compresses well may be larger."""
MAX_REASON: Final = 1000
MAX_TRACE: Final = 128


@value
class DeadLetter:
    """One copy, and why it was made."""

    stage: Stage
    tenant: str
    """Whose it is: of the lane that brought the command, whatever that says, or of the decision."""
    kind: str
    partition: int
    offset: int
    decision: int | None
    appended_ms: int
    read_model: str | None
    code: str
    reason: str
    attempts: int
    traceparent: str | None
    release: str
    size: int
    sha256: bytes
    body: bytes | None

    @property
    def where(self) -> PartitionId:
        """The partition of the record."""
        return PartitionId(self.kind, self.partition)

    @property
    def topic(self) -> str:
        """The topic that has the whole record."""
        return self.where.commands_topic if self.stage in COMMANDS else self.where.log_topic

    @property
    def place(self) -> str:
        """What it is a letter of: the same for each copy, should there be several."""
        decision = "" if self.decision is None else f".{self.decision}"
        reader = "" if self.read_model is None else f"/{self.read_model}"
        return f"{self.topic}/{self.partition}@{self.offset}{decision}{reader}"

    @property
    def cut(self) -> bool:
        """Whether the body is only the record's beginning."""
        return self.body is not None and len(self.body) < self.size


def letter_of_command(
    stage: Stage, tenant: str, where: PartitionId, offset: int, appended_ms: int, body: bytes | None,
    code: str, reason: str, traceparent: str | None = None,
) -> DeadLetter:  # fmt: skip
    """Return the letter of a record of the commands topic."""
    return DeadLetter(
        stage, tenant, where.kind, where.partition, offset, None, appended_ms, None, code, reason[:MAX_REASON], 1,
        (traceparent or "")[:MAX_TRACE] or None, RELEASE, *_kept(body),
    )  # fmt: skip


def letter_of_decision(
    stage: Stage, tenant: str, read_model: str, where: PartitionId, offset: int, index: int, appended_ms: int,
    body: bytes, code: str, reason: str, attempts: int, traceparent: str | None,
) -> DeadLetter:  # fmt: skip
    """Return the letter of one decision of a commit."""
    return DeadLetter(
        stage, tenant, where.kind, where.partition, offset, index, appended_ms, read_model, code, reason[:MAX_REASON],
        attempts, traceparent, RELEASE, *_kept(body),
    )  # fmt: skip


def _kept(body: bytes | None) -> tuple[int, bytes, bytes | None]:
    if body is None:
        return 0, b"", None
    return len(body), sha256(body).digest(), body[:MAX_BODY_BYTES]


@value
class LetterAction:
    """What an operator did to letters: it is kept among them."""

    action: Literal["REDRIVEN", "PURGED"]
    by: str
    letters: tuple[int, ...]
    """Ids; of PURGED the one up to which all went."""
    told: str


Record: TypeAlias = DeadLetter | LetterAction
"""What stands in the topic of the dead letters."""


@cache
def _records() -> Messages:
    return bind("reading", (DeadLetter, LetterAction))


def encode_letter(record: Record) -> bytes:
    """Return the single-object encoding."""
    return _records().encode(record)


def decode_letter(stored: bytes) -> Record:
    """Return what `encode_letter` wrote. Raises `SchemaError`."""
    record: Record = _records().decode(stored)
    return record

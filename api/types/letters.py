"""Dead letters of the platform: what could not be decoded, decided, folded or stored. Not those of queues."""

from enum import Enum
from typing import Annotated, TypeAlias

import strawberry

from api.payloads import Payload
from api.types.pages import PageInfo
from api.types.results import Refusal
from api.types.scalars import JSON, DateTime, Long
from streams.replay.letters.shelf import Filed


@strawberry.enum
class DeadLetterStage(Enum):
    """Where it was given up: two on the way into the log, two on the way into a read model."""

    DECODE = "DECODE"
    DECIDE = "DECIDE"
    PROJECTION = "PROJECTION"
    SINK = "SINK"


@strawberry.input(description="All that is given must hold.")
class PlatformDeadLetterFilterInput:
    """Which letters."""

    stage: DeadLetterStage | None = None
    code: str | None = strawberry.field(default=None, description="UNKNOWN_SCHEMA, ROW_REFUSED, ...")
    kind: str | None = None
    read_model: str | None = None
    from_ms: DateTime | None = strawberry.field(default=None, name="from", description="Filed then or later.")
    to_ms: DateTime | None = strawberry.field(default=None, name="to", description="Before this time.")


@strawberry.type(
    description="A copy of what was put aside, with its place and the reason. The record stays where it was."
)
class PlatformDeadLetter:
    """A letter. Its id is its place among the letters."""

    id: Long
    filed_ms: DateTime = strawberry.field(name="filedAt")
    stage: DeadLetterStage
    kind: str
    place: str = strawberry.field(
        description="What it is a letter of: topic, partition, offset, decision, read model. The same for each copy."
    )
    topic: str
    partition: int
    offset: Long
    decision: int | None = strawberry.field(
        description="Its place in the commit, from 0; null: it is a command."
    )
    read_model: str | None
    code: str
    reason: str
    attempts: int
    traceparent: str | None
    release: str = strawberry.field(description="That gave up.")
    appended_ms: DateTime = strawberry.field(name="appendedAt", description="When the record was appended.")
    size: Long = strawberry.field(description="Bytes of the whole record.")
    sha256: str = strawberry.field(description="Of the whole record, in hex.")


@strawberry.type(description="A letter with the record that it is a copy of.")
class PlatformDeadLetterRecord:
    """A letter and its bytes."""

    letter: PlatformDeadLetter
    body: Payload | None = strawberry.field(
        description="The record, or its first 1.5 MiB; null: it had no value."
    )
    decoded: JSON | None = strawberry.field(
        description="What it means, as far as this release can tell; null: of no kind that is known here."
    )


@strawberry.type
class PlatformDeadLetterEdge:
    """One of a page and its cursor."""

    cursor: str
    node: PlatformDeadLetter


@strawberry.type(description="Dead letters of the platform, newest first.")
class PlatformDeadLetterConnection:
    """A page."""

    edges: list[PlatformDeadLetterEdge]
    nodes: list[PlatformDeadLetter]
    page_info: PageInfo


@strawberry.type(description="What becomes of one letter.")
class RedriveStep:
    """A step. Comes as `plan.Planned`."""

    id: Long
    place: str
    does: str
    outcome: str


@strawberry.type(description="What a redrive did, or would do.")
class RedrivenDeadLetters:
    """A redrive."""

    dry_run: bool
    helps: bool = strawberry.field(
        description="Whether no letter would become one again, as far as can be told."
    )
    steps: list[RedriveStep]
    sent: int = strawberry.field(description="New commands.")
    rebuilding: list[str] = strawberry.field(
        description="Read models that are emptied; projectors build them anew: see `partitions { lag }`."
    )


@strawberry.type(description="All letters up to one are gone, for ever.")
class PurgedDeadLetters:
    """A purge."""

    through: Long
    records: Long = strawberry.field(description="So many records were there.")


RedriveDeadLettersResult: TypeAlias = Annotated[
    RedrivenDeadLetters | Refusal, strawberry.union("RedriveDeadLettersResult")
]
PurgeDeadLettersResult: TypeAlias = Annotated[
    PurgedDeadLetters | Refusal, strawberry.union("PurgeDeadLettersResult")
]


def letter_of(filed: Filed) -> PlatformDeadLetter:
    """Return a letter as it is shown."""
    one = filed.letter
    return PlatformDeadLetter(
        id=Long(filed.id), filed_ms=DateTime(filed.filed_ms), stage=DeadLetterStage(one.stage), kind=one.kind,
        place=one.place, topic=one.topic, partition=one.partition, offset=Long(one.offset), decision=one.decision,
        read_model=one.read_model, code=one.code, reason=one.reason, attempts=one.attempts,
        traceparent=one.traceparent, release=one.release, appended_ms=DateTime(one.appended_ms), size=Long(one.size),
        sha256=one.sha256.hex(),
    )  # fmt: skip

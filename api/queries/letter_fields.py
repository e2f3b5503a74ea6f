"""The fields of `Query` that are about dead letters of the platform."""

import strawberry

from api.queries import letters
from api.types.letters import PlatformDeadLetterConnection, PlatformDeadLetterRecord


@strawberry.type
class LetterQuery:
    """What can be asked about what the platform itself could not take. Dead messages of queues: `deadLetters`."""

    platform_dead_letters: PlatformDeadLetterConnection = strawberry.field(
        resolver=letters.dead_letters,
        description="Dead letters of the platform, newest first: what could not be decoded, decided, folded or stored. "
        "A page need not be full to have a next one.",
    )
    platform_dead_letter: PlatformDeadLetterRecord | None = strawberry.field(
        resolver=letters.dead_letter,
        description="One of them, with its bytes and what they mean. Null: there is none.",
    )

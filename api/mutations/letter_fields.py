"""The fields of `Mutation` that are about dead letters of the platform."""

import strawberry

from api.mutations import letters
from api.types.letters import PurgeDeadLettersResult, RedriveDeadLettersResult


@strawberry.type
class LetterMutation:
    """What an operator can do to what the platform could not take."""

    redrive_platform_dead_letters: RedriveDeadLettersResult = strawberry.mutation(
        resolver=letters.redrive_dead_letters,
        description="An operator's: have letters taken after all, as new commands or by a rebuild of their read model, "
        "which takes who runs the platform (SHARED_READ_MODEL); "
        "all or none, at most 100. `dryRun` only tells. `again`: also what was redriven before.",
    )
    purge_platform_dead_letters: PurgeDeadLettersResult = strawberry.mutation(
        resolver=letters.purge_dead_letters,
        description="An operator's: delete all letters up to one, for ever, at most 10,000 at a time. Refused if "
        "letters of another tenant are among them.",
    )

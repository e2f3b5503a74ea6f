"""`redrivePlatformDeadLetters` and `purgePlatformDeadLetters`: an operator's. Workers are not asked: nobody decides."""

from api.context import Info
from api.mutations.refusals import refused
from api.types.letters import (
    PurgedDeadLetters,
    PurgeDeadLettersResult,
    RedriveDeadLettersResult,
    RedrivenDeadLetters,
    RedriveStep,
)
from api.types.results import Refusal
from api.types.scalars import Long
from streams.replay.letters.errors import LetterError


async def redrive_dead_letters(
    info: Info, ids: list[Long], dry_run: bool = False, again: bool = False
) -> RedriveDeadLettersResult:
    """Have letters taken after all; with `dryRun`, tell what would be done."""
    context = info.context
    if (forbidden := _not_the_operator(info, "redrivePlatformDeadLetters")) is not None:
        return forbidden
    try:
        plan = await context.letters.plan(context.identity, ids, again=again, trial=dry_run)
        if not dry_run:
            await context.letters.redrive(context.identity, plan)
    except LetterError as error:
        return refused(error.code, str(error))
    return RedrivenDeadLetters(
        dry_run=dry_run,
        helps=plan.helps,
        steps=[
            RedriveStep(id=Long(one.id), place=one.place, does=one.does, outcome=one.outcome)
            for one in plan.steps
        ],
        sent=0 if dry_run else len(plan.commands),
        rebuilding=[] if dry_run else list(plan.rebuilds),
    )


async def purge_dead_letters(info: Info, through: Long) -> PurgeDeadLettersResult:
    """Delete the tenant's letters up to one."""
    if (forbidden := _not_the_operator(info, "purgePlatformDeadLetters")) is not None:
        return forbidden
    try:
        records = await info.context.letters.purge(info.context.identity, through)
    except LetterError as error:
        return refused(error.code, str(error))
    return PurgedDeadLetters(through=through, records=Long(records))


def _not_the_operator(info: Info, field: str) -> Refusal | None:
    if "OPERATOR" in info.context.identity.roles:
        return None
    return refused(
        "FORBIDDEN",
        f"{field} takes the role OPERATOR, which this token does not have. Show the token that the API knows as "
        "TIDELOCK_OPERATOR_TOKEN.",
    )

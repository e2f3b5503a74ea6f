"""`platformDeadLetters` and `platformDeadLetter`: the tenant is in what is looked for."""

from typing import cast

from api.context import Info
from api.errors import BadTime
from api.paging import Page, size_of
from api.payloads import SHOWN_BYTES, payload_of
from api.queries.texts import text_of
from api.types.letters import (
    PlatformDeadLetter,
    PlatformDeadLetterConnection,
    PlatformDeadLetterFilterInput,
    PlatformDeadLetterRecord,
    letter_of,
)
from api.types.scalars import JSON, Long
from streams.projections.reads import AsOf
from streams.replay.letters.shelf import FOREVER_MS, Wanted


async def dead_letters(
    info: Info,
    first: int,
    after: str | None = None,
    filter: PlatformDeadLetterFilterInput | None = None,  # noqa: A002 - the schema's own name
) -> PlatformDeadLetterConnection:
    """Return a page of the tenant's letters, newest first."""
    context, size = info.context, size_of(first)
    seal = context.seal("platformDeadLetters", int)
    before = None if after is None else cast("int", seal.open(after)[0])
    found = await context.letters.page(_wanted(context.tenant, filter), size, before)
    shown = [letter_of(each) for each in reversed(found.letters)]
    resume = None if found.all else (found.looked_from,)
    page = Page(shown, size, AsOf(()), _key, seal, after, resume)
    return cast("PlatformDeadLetterConnection", page)


async def dead_letter(info: Info, id: Long, max_bytes: int = SHOWN_BYTES) -> PlatformDeadLetterRecord | None:  # noqa: A002 - the schema's own name
    """Return one letter of the tenant's with its bytes; null: there is none."""
    context = info.context
    filed = await context.letters.one(context.tenant, id)
    if filed is None:
        return None
    body, meaning = filed.letter.body, context.letters.meaning(filed)
    return PlatformDeadLetterRecord(
        letter=letter_of(filed),
        body=None if body is None else payload_of(body, max_bytes, context.payloads),
        decoded=None if meaning is None else JSON(meaning),
    )


def _key(one: PlatformDeadLetter) -> tuple[int]:
    return (one.id,)


def _wanted(tenant: str, given: PlatformDeadLetterFilterInput | None) -> Wanted:
    if given is None:
        return Wanted(tenant=tenant)
    if given.from_ms is not None and given.to_ms is not None and given.from_ms >= given.to_ms:
        raise BadTime("`from` is not before `to`. Turn them round.")
    return Wanted(
        None if given.stage is None else given.stage.value,
        tenant,
        text_of(given.code, "code") or "",
        text_of(given.kind, "kind") or "",
        text_of(given.read_model, "readModel") or "",
        given.from_ms or 0,
        FOREVER_MS if given.to_ms is None else given.to_ms - 1,
    )

"""`windows`: what is going on now."""

from typing import Final, cast

import strawberry

from api.context import Info
from api.errors import BadArgument, ReadsAway
from api.queries.texts import text_of
from api.types.activity import Activity, Shown
from streams.projections.activity.projections import ACTIVITIES

KINDS: Final = frozenset(one.kind for one in ACTIVITIES)


async def windows(info: Info, kind: str, name: str | None = None) -> Activity:
    """Return the windows of a name, or of the whole tenant, that are open or have just ended."""
    services, tenant = info.context.services, info.context.tenant
    known = sorted(KINDS & services.partitions.keys())
    if kind not in known:
        raise BadArgument(
            f"There are no windows of {kind[:80]!r}. Ask for one of: {', '.join(known)}.", code="KIND_UNKNOWN"
        )
    if services.activity is None:
        raise ReadsAway(
            "This node knows no hot copies, where open windows are looked up. Name Redis (TIDELOCK_REDIS) to it and to "
            "the projectors, or ask `tidelock window`.",
            code="NO_HOT_COPIES",
        )
    wanted = text_of(name, "name") or None
    found = await services.activity.activity(kind, tenant, wanted)
    return cast("Activity", Shown(kind, wanted, found.windows, found.overflowed, found.as_of))


@strawberry.type
class ActivityQuery:
    """What can be asked about what is going on."""

    windows: Activity = strawberry.field(
        resolver=windows,
        description="What is going on now with a resource of a kind, or, without a name, with all of them: windows "
        "that are open, and those that ended last.",
    )

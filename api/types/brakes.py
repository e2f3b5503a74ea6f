"""The brake on mass failures."""

from enum import Enum
from typing import cast

import strawberry

from api.context import Info
from api.paging import Page, size_of
from api.types.asof import AsOf
from api.types.pages import PageInfo
from api.types.scalars import DateTime, Position
from streams.projections.nodes.values import BrakeChangeRow


@strawberry.enum
class BrakeWhat(Enum):
    """What happened to the brake. ALARMED: a mass failure was noticed."""

    ALARMED = "ALARMED"
    PULLED = "PULLED"
    RELEASED = "RELEASED"
    CONFIGURED = "CONFIGURED"


@strawberry.type(description="When many deaths at once are a mass failure, and what is done then.")
class BrakeSettings:
    """Settings. Comes as `commands.BrakeSettings`."""

    fraction: int = strawberry.field(description="Percent of the nodes.")
    min_dead: int = strawberry.field(description="Fewer deaths are never a mass failure.")
    window_ms: int = strawberry.field(description="At once means: within so long.")
    auto_release_ms: int = strawberry.field(description="After so long it is released by itself; 0: never.")
    armed: bool = strawberry.field(description="False: a mass failure is only an alarm.")


@strawberry.type(description="A mass failure that was noticed.")
class MassFailureAlarm:
    """An alarm. Comes as `values.AlarmRow`."""

    dead: int
    of: int
    window_ms: int
    cause: str
    at_ms: DateTime = strawberry.field(name="at")


async def _history(info: Info, first: int, after: str | None = None) -> "BrakeChangeConnection":
    """Return a page of what happened to the tenant's brake."""
    context, size = info.context, size_of(first)
    seal = context.seal("brakeHistory", int, int)
    key = None if after is None else cast("tuple[int, int]", seal.open(after))
    context.inner.take(size)
    found, as_of = await context.nodes.brake_history(context.tenant, size, key)
    return cast("BrakeChangeConnection", Page(found, size, as_of, _change_key, seal, after))


def _change_key(row: BrakeChangeRow) -> tuple[int, int]:
    return row.brake.changed_offset or 0, row.brake.event or 0


@strawberry.type(
    description="The brake of a tenant: while it is pulled, sessions of nodes that fell silent are not swept."
)
class Brake:
    """The brake. Comes as `values.BrakeRow`."""

    pulled: bool
    pulled_ms: DateTime | None = strawberry.field(
        name="pulledAt", description="As what follows, null while it is released."
    )
    pulled_by: str | None = strawberry.field(description="The principal.")
    cause: str | None
    release_ms: DateTime | None = strawberry.field(
        name="releaseAt", description="About when it is released by itself; null: not so."
    )
    settings: BrakeSettings
    alarm: MassFailureAlarm | None = strawberry.field(description="The last one.")
    position: Position | None = strawberry.field(
        description="The commit that changed it last; null: nobody ever touched it."
    )
    changed_ms: DateTime | None = strawberry.field(name="changedAt")
    as_of: AsOf
    history: "BrakeChangeConnection" = strawberry.field(
        resolver=_history, description="What happened to it, newest first, whatever `at` was given."
    )


@strawberry.type(description="What one event did to the brake, and the brake as it was from then on.")
class BrakeChange:
    """A change. Comes as `values.BrakeChangeRow`."""

    what: BrakeWhat
    by: str = strawberry.field(description="The principal; empty: time did it.")
    why: str
    brake: Brake
    until: Position | None = strawberry.field(description="The commit of the next change; null: none yet.")
    until_ms: DateTime | None = strawberry.field(name="untilTime")


@strawberry.type
class BrakeChangeEdge:
    """One of a page and its cursor."""

    cursor: str
    node: BrakeChange


@strawberry.type(description="The history of the brake, newest first.")
class BrakeChangeConnection:
    """A page."""

    edges: list[BrakeChangeEdge]
    nodes: list[BrakeChange]
    page_info: PageInfo
    as_of: AsOf

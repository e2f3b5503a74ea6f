"""`state` and `events`: resources of any kind of the catalogue."""

import time
from typing import cast

from api.context import Context, Info
from api.errors import ApiError, BadPosition, BadTime
from api.paging import Page, size_of
from api.resources import Resources
from api.types.resources import (
    ResourceDecision,
    ResourceDecisionConnection,
    ResourceState,
    decision_of,
    state_of,
)
from api.types.scalars import At
from streams.log.positions import Position
from streams.log.reader import LogHalt
from streams.projections.reads import AsOf, Moment
from streams.replay.errors import BeforeTheLog, BeyondTheEnd, OtherPartition, RewindError
from streams.replay.moment import AtEnd, AtPosition, AtTime, Target
from streams.replay.resource import ResourceName


async def state(info: Info, kind: str, name: str, at: At | None = None) -> ResourceState:
    """Return a resource as it is, or was."""
    context, target = info.context, _target(cast("Moment | None", at))
    try:
        rewound = await _resources(context).rewound(ResourceName(kind, context.tenant, name), target)
    except (OtherPartition, BeyondTheEnd) as error:
        raise BadPosition(str(error)) from error
    except BeforeTheLog as error:
        raise BadTime(str(error)) from error
    except (RewindError, LogHalt) as error:
        raise ApiError(str(error), code=error.code) from error
    return state_of(rewound)


async def events(
    info: Info, kind: str, name: str, first: int, after: str | None = None
) -> ResourceDecisionConnection:
    """Return a page of the decisions on a resource, newest first."""
    context, size = info.context, size_of(first)
    seal = context.seal(f"events/{kind}/{name}", int, int)
    key = None if after is None else cast("tuple[int, int]", seal.open(after))
    resource = ResourceName(kind, context.tenant, name)
    try:
        found = await _resources(context).decisions(resource, size + 1, key)
    except LogHalt as error:
        raise ApiError(str(error), code=error.code) from error
    shown = [decision_of(one) for one in found.decisions]
    as_of = AsOf((), found.last)
    return cast("ResourceDecisionConnection", Page(shown, size, as_of, _key, seal, after, found.resume))


def _key(one: ResourceDecision) -> tuple[int, int]:
    return cast("Position", one.position).offset, one.index


def _resources(context: Context) -> Resources:
    resources = context.services.resources
    assert resources is not None, "only who serves queries of logs runs them"
    return resources


def _target(at: Moment | None) -> Target:
    if at is None:
        return AtEnd()
    if isinstance(at, Position):
        return AtPosition(at)
    if at > time.time() * 1000:
        raise BadTime("`at` is still to come. Give a time that has passed, or none for now.")
    return AtTime(at)

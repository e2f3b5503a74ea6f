"""What the workers say of feature levels, and asking them to activate one.

CliProblem
├── NothingToTalkTo   a worker of the group does not answer, or nobody said where to ask it
├── FeatureRefused    a member of the group is below the level, or a worker says no
├── NotTheOperator    the operator's token is not known here
└── NotActivated      some partitions have not followed in time
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx

from tidelock.cli.exits import USAGE, CliProblem, NothingToTalkTo

TIMEOUT_S = 6.0
FOLLOW_S = 20.0
PAUSE_S = 0.2


class FeatureRefused(CliProblem):
    """The level is not activated anywhere, or not where a worker refused."""

    code = "FEATURE_REFUSED"


class NotTheOperator(CliProblem):
    """The operator's token is not known here."""

    code = "NOT_THE_OPERATOR"
    exit_code = USAGE

    def __init__(self) -> None:
        super().__init__(
            "To activate a feature level takes the operator's token: set TIDELOCK_OPERATOR_TOKEN as it is set for the "
            "workers."
        )


class NotActivated(CliProblem):
    """Some partitions have not followed in time."""

    code = "NOT_ACTIVATED"


@dataclass(frozen=True, slots=True)
class Levels:
    """What all workers of the group say."""

    members: dict[str, int]
    """The highest level each supports."""
    partitions: dict[str, int | None]
    """The active level of each; None: nobody owns it now."""

    def below(self, level: int) -> list[str]:
        """Return the members that do not support `level`."""
        return sorted(f"{member} (up to {most})" for member, most in self.members.items() if most < level)

    def without(self, level: int) -> list[str]:
        """Return the partitions where `level` is not active."""
        return sorted(where for where, active in self.partitions.items() if active is None or active < level)


async def levels_of(http: httpx.AsyncClient, addresses: Sequence[str]) -> Levels:
    """Ask every worker. Raises `NothingToTalkTo` if one of the group cannot be asked."""
    if not addresses:
        raise NothingToTalkTo(
            "No worker's status address is known: give --metrics host:port for each worker."
        )
    told = await asyncio.gather(*(_status(http, address) for address in addresses))
    members = {member: most for one in told for member, most in one["levels"].items()}
    unasked = sorted(members.keys() - {one["member"] for one in told})
    if unasked:
        raise NothingToTalkTo(
            f"{', '.join(unasked)}: in the group, but not asked. Give --metrics host:port for each."
        )
    if not members:
        raise NothingToTalkTo("No worker is in the group yet. Try again when `tidelock status` shows owners.")
    partitions: dict[str, int | None] = {where: None for one in told for where in one["routes"]}
    for one in told:
        for owned in one["partitions"]:
            if owned["phase"] == "leading":
                partitions[f"{owned['kind']}/{owned['partition']}"] = owned["feature_level"]
    return Levels(members, dict(sorted(partitions.items())))


async def activate(
    http: httpx.AsyncClient, addresses: Sequence[str], operator: str | None, level: int
) -> Levels:
    """Ask until `level` is active everywhere.

    Raises `FeatureRefused`, `NotActivated`, `NotTheOperator`, `NothingToTalkTo`.
    """
    end, busy = monotonic() + FOLLOW_S, ""
    while True:
        levels = await levels_of(http, addresses)
        below, without = levels.below(level), levels.without(level)
        if below:
            raise FeatureRefused(
                f"Feature level {level} is beyond these workers: {', '.join(below)}. Upgrade or stop them first."
            )
        if not without:
            return levels
        if operator is None:
            raise NotTheOperator
        if monotonic() >= end:
            raise NotActivated(
                f"Level {level} is not active on {', '.join(without)} after {FOLLOW_S:.0f} s. {busy}See `tidelock "
                "status`, then run this again: it goes on where it is not active yet."
            )
        busy = "".join([await _ask(http, address, operator, level) for address in addresses])
        await asyncio.sleep(PAUSE_S)


async def _status(http: httpx.AsyncClient, address: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = (await http.get(f"http://{address}/status")).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise NothingToTalkTo(
            f"The worker at {address} does not answer ({type(error).__name__}). All must: see `tidelock status`."
        ) from error
    if not isinstance(told, dict) or "levels" not in told:
        raise FeatureRefused(
            f"The worker at {address} is of a release without feature activation. Upgrade it first."
        )
    return told


async def _ask(http: httpx.AsyncClient, address: str, operator: str, level: int) -> str:
    """Ask one worker; return why it could not listen now, if so. Raises `FeatureRefused`, `NothingToTalkTo`."""
    bearer = {"Authorization": f"Bearer {operator}"}
    try:
        answer = await http.post(f"http://{address}/features/{level}", headers=bearer)
    except httpx.HTTPError as error:
        raise NothingToTalkTo(
            f"The worker at {address} hung up ({type(error).__name__}). Run it again."
        ) from error
    if answer.status_code == httpx.codes.ACCEPTED:
        return ""
    told = _reason(answer)
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        return f"{told} "
    raise FeatureRefused(f"{address}: {told}")


def _reason(answer: httpx.Response) -> str:
    """Return what a worker says is wrong; whatever else answers there says it in its own form."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    said = told.get("error") if isinstance(told, dict) else None
    return str(said or f"HTTP {answer.status_code} {answer.text[:200]}".strip())

"""Feature activation: an operator asks, each owner writes the record, and only once every live worker can follow.

After the record a release that does not know the level can neither own nor read the partition, and there is no way
back. So a worker refuses while a member of its group, as of the last assignment, is below.
"""

from streams.engine.roster import Roster
from streams.log.positions import PartitionId


class FeatureRefused(Exception):
    """The level is not activated."""

    code = "FEATURE_REFUSED"


class WorkerBusy(FeatureRefused):
    """The worker had no time to hear of it; nothing was asked of its owners, and nothing will be."""

    code = "WORKER_BUSY"

    def __init__(self, worker: str) -> None:
        super().__init__(
            f"{worker} is too busy to take this now, and has not. Ask again; if it lasts, see its log."
        )


class MembersUnknown(FeatureRefused):
    """The group has not told who is in it."""

    code = "MEMBERS_UNKNOWN"

    def __init__(self, worker: str) -> None:
        super().__init__(f"{worker} does not know yet who is in the group. Ask again when /ready says so.")


class LevelUnsupported(FeatureRefused):
    """Live members do not support the level."""

    code = "LEVEL_UNSUPPORTED"

    def __init__(self, level: int, below: dict[str, int]) -> None:
        names = ", ".join(f"{member} (up to {most})" for member, most in sorted(below.items()))
        super().__init__(
            f"Feature level {level} is beyond these workers: {names}. Upgrade or stop them first."
        )
        self.level, self.below = level, below


def activate(roster: Roster, level: int) -> tuple[PartitionId, ...]:
    """Have the owners here that lead activate `level`; return whom it was asked of. Raises `FeatureRefused`.

    An owner writes it behind what is in flight. If its ownership ends before that, or a member below the level joins,
    the level has to be asked again.
    """
    levels = roster.levels
    if not levels:
        raise MembersUnknown(roster.worker)
    below = {member: most for member, most in levels.items() if most < level}
    if below:
        raise LevelUnsupported(level, below)
    asked = tuple(
        where
        for where, owner in roster.owners.items()
        if owner.phase == "leading" and owner.reader.head.active < level
    )
    for where in asked:
        roster.activate(where, level)
    return asked

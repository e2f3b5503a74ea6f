"""What a partition is about: one kind of resource. World, faults and judge know of it no more than this."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from streams.log.positions import PartitionId
from streams.log.records import Commit, LoggedDecision
from tests.simulation.oracle import CommandId
from tests.simulation.versions import Releases

if TYPE_CHECKING:
    from tests.simulation.invariants import Judge, Sent
    from tests.simulation.partition import Partition
    from tests.simulation.users import User


class Books(Protocol):
    """What must hold of the kind's resources, kept by the judge. Shares no bookkeeping with decider or fold."""

    def decided(
        self,
        commit: Commit,
        decision: LoggedDecision,
        events: Sequence[Any],
        first: int,
        sent_at: float,
        asked: Sequence["Sent"],
    ) -> None:
        """Check and fold one decision of an accepted commit, sent at true time `sent_at`.

        `first`: the number of its first event; `asked`: what was sent under its sequence.
        """

    def compare(self, key: str, state: Any) -> None:
        """Check a key's state, as the fold has it, against the events."""


class Subject(Protocol):
    """One kind: where it lives, which names it uses, who works with it. Made anew for each history."""

    where: PartitionId
    releases: Releases
    harmless: frozenset[str]
    """Refusals that a command may meet which nobody should have sent."""
    peace_s: float
    """Within so long after the last fault, all is answered and done."""

    @property
    def hands(self) -> Sequence[type["User"]]:
        """By which programs a machine that works with several kinds works with this one."""

    def names(self, random: Random) -> list[str]:
        """Return the names of the resources in play."""

    def stray(self) -> Any:
        """Return a command that belongs to another partition."""

    def books(self, judge: "Judge") -> Books:
        """Open the books."""

    def start(self, partition: "Partition") -> None:
        """Start who is at work."""

    def misfortunes(self, partition: "Partition") -> list[tuple[float, Callable[[], None]]]:
        """Return what else befalls this kind's users, and how often in a second."""

    def calm(self, partition: "Partition") -> None:
        """The faults are over, everybody stops: start whoever tidies up."""

    def owed(self, partition: "Partition") -> list[tuple[str, list[Any]]]:
        """Return what, beside answers, must still come to an end."""


def commands_of(asked: Sequence["Sent"], kind: type) -> list[Any]:
    """Return the commands of one type among those that were sent under one sequence."""
    return [sent.command for sent in asked if isinstance(sent.command, kind)]


def name_of(who: CommandId) -> str:
    """Return a command's name as a violation tells it."""
    return f"{who[1]}:{who[2]}"

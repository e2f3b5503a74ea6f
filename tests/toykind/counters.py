"""Counters: count up; what nobody counts for a while begins again at nothing. Pure."""

from operator import attrgetter
from pathlib import Path
from typing import Final, TypeAlias

from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester, Settled, Tick
from streams.domain.kind import CommandSpec, KindSpec
from streams.domain.value import value

MOST: Final = 1_000


@value
class Count:
    """Count up by so much; forget it all when nobody counts for so long."""

    name: str
    by: int
    forget_ms: int


@value
class Look:
    """Ask for the total; nothing changes."""

    name: str


@value
class Counted:
    """It was counted up."""

    by: int
    forget_at: LeaseMs


@value
class Forgotten:
    """Nobody counted for a while."""


@value
class Total:
    """The answer: what was counted so far."""

    total: int


@value
class Counter:
    """One counter."""

    total: int = 0
    forget_at: LeaseMs = 0


Command: TypeAlias = Count | Look | Tick
Event: TypeAlias = Counted | Forgotten
NEW: Final = Counter()


class Counters:
    """The decider."""

    def initial(self, key: str) -> Counter:
        return NEW

    def decide(
        self, command: Command, who: Requester, state: Counter, context: Context
    ) -> Decision[Event, Total]:
        match command:
            case Look():
                return Decision((), Total(state.total))
            case Count(_, by, forget_ms) if by > 0 and state.total + by <= MOST and forget_ms > 0:
                return Decision((Counted(by, context.now + forget_ms),), Total(state.total + by))
            case Count():
                return Decision((), Rejected("TOO_MUCH", f"A counter ends at {MOST}. Count by less."))
            case Tick():
                return Decision((Forgotten(),), Total(0))

    def evolve(self, state: Counter, event: Event) -> Counter:
        match event:
            case Counted(by, forget_at):
                return Counter(state.total + by, forget_at)
            case Forgotten():
                return NEW

    def next_deadline(self, state: Counter) -> LeaseMs | None:
        return None if state is NEW else state.forget_at

    def settles(self, event: Event) -> Settled | None:
        return None


COUNTERS: Final = KindSpec(
    name="counters",
    decider=Counters(),
    commands=(CommandSpec(Count), CommandSpec(Look, deduplicated=False)),
    events=(Counted, Forgotten),
    replies=(Total,),
    key_of=attrgetter("name"),
    schemas=str(Path(__file__).with_name("avro")),
)

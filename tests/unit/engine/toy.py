"""A toy kind with everything the engine offers: timers that fail, coalesced beats, contents that replies only name.

Its schemas live here; the release does not ship them.
"""

from operator import attrgetter
from typing import Any, TypeAlias
from unittest.mock import patch

from schemas.catalogue import Catalogue, schema_file, shipped
from schemas.parsing import Json, inline
from streams.domain.decider import Context, Decision, LeaseMs, Rejected, Requester, Settled, Tick
from streams.domain.kind import CommandSpec, KindSpec
from streams.domain.value import value
from streams.log.vocabulary import Vocabulary


@value
class Add:
    """Count up; "explode" makes `decide` raise, "mine" makes `evolve` raise."""

    name: str
    amount: int
    how: str = ""


@value
class Arm:
    """Set a timer that rings, rings "loud"ly, "explode"s, hits a "mine" in `evolve` or stays "idle"."""

    name: str
    delay_ms: int
    how: str = ""


@value
class Put:
    """Keep a payload; it is logged once, in the event."""

    name: str
    payload: bytes


@value
class Take:
    """Ask for the payload; the reply only names it."""

    name: str


@value
class Beat:
    """I am alive: not deduplicated, gathered."""

    name: str


@value
class Beats:
    """What beats are gathered into."""

    names: tuple[str, ...]


@value
class Added:
    amount: int
    how: str


@value
class Armed:
    until: int
    how: str


@value
class Rang:
    until: int


@value
class Kept:
    payload: bytes


@value
class Beaten:
    names: tuple[str, ...]
    at: int


@value
class Seen:
    """Nothing changed, and it is in the log."""


@value
class Counted:
    total: int
    token: int


@value
class Taken:
    token: int


@value
class Alive:
    at: int


@value
class Content:
    """What `Taken` names."""

    payload: bytes


Command: TypeAlias = Add | Arm | Put | Take | Beat | Beats
Event: TypeAlias = Added | Armed | Rang | Kept | Beaten | Seen
Reply: TypeAlias = Counted | Taken | Alive


@value
class Toy:
    """One toy."""

    total: int = 0
    until: int = 0
    how: str = ""
    payload: bytes = b""
    beat_at: int = -1


NEW = Toy()
LOUD_BYTES = 20_000


class Explosion(Exception):
    """A planted failure of the kind's code."""


def _ring(state: Toy) -> tuple[Event, ...]:
    match state.how:
        case "idle":
            return ()
        case "mine":
            return Added(1, ""), Added(1, "mine")
        case "loud":
            return Kept(bytes(LOUD_BYTES)), Rang(state.until)
    return (Rang(state.until),)


class ToyDecider:
    """Pure, except that it explodes when told to."""

    def initial(self, key: str) -> Toy:
        return NEW

    def decide(self, command: Any, who: Requester, state: Toy, context: Context) -> Decision[Event, Reply]:
        match command:
            case Add():
                if command.how == "explode":
                    raise Explosion("decide")
                if command.amount <= 0:
                    return Decision((), Rejected("BAD_AMOUNT", "Add something."))
                event = Added(command.amount, command.how)
                return Decision((event,), Counted(state.total + command.amount, context.token(0)))
            case Arm():
                return Decision(
                    (Armed(context.now + command.delay_ms, command.how),), Taken(context.token(0))
                )
            case Put():
                return Decision((Kept(command.payload),), Taken(context.token(0)))
            case Take():
                return Decision((), Taken(0))
            case Beat():
                return Decision((Beaten((command.name,), context.now),), Alive(context.now))
            case Beats():
                if "explode" in command.names:
                    raise Explosion("beats")
                return Decision((Beaten(command.names, context.now),), Alive(context.now))
            case Tick():
                if state.how == "explode":
                    raise Explosion("tick")
                return Decision(_ring(state), Taken(0))
        raise AssertionError(command)

    def evolve(self, state: Toy, event: Event) -> Toy:
        match event:
            case Added():
                if event.how == "mine":
                    raise Explosion("evolve")
                return Toy(state.total + event.amount, state.until, state.how, state.payload, state.beat_at)
            case Armed():
                return Toy(state.total, event.until, event.how, state.payload, state.beat_at)
            case Rang():
                after = Toy(state.total, 0, "", state.payload, state.beat_at)
                return NEW if after == NEW else after
            case Kept():
                return Toy(state.total, state.until, state.how, event.payload, state.beat_at)
            case Beaten():
                return Toy(state.total, state.until, state.how, state.payload, event.at)
            case Seen():
                return state

    def next_deadline(self, state: Toy) -> LeaseMs | None:
        return state.until or None

    def settles(self, event: Event) -> Settled | None:
        return None


def _join(gathered: tuple[tuple[Requester, Beat], ...]) -> Beats:
    return Beats(tuple(dict.fromkeys(command.name for _, command in gathered)))


def _beaten_keys(tenant: str, event: Beaten) -> tuple[str, ...]:
    return tuple(f"{tenant}/{name}" for name in event.names)


def _attached(state: Toy, reply: object) -> tuple[object, ...]:
    return (Content(state.payload),) if isinstance(reply, Taken | Alive) and state.payload else ()


TOYS = KindSpec(
    name="toys",
    decider=ToyDecider(),
    commands=(
        CommandSpec(Add),
        CommandSpec(Arm),
        CommandSpec(Put),
        CommandSpec(Take),
        CommandSpec(Beat, deduplicated=False, coalesce=_join),
    ),
    events=(Added, Armed, Rang, Kept, Beaten, Seen),
    replies=(Counted, Taken, Alive, Content),
    key_of=lambda command: "beats" if isinstance(command, Beats) else attrgetter("name")(command),
    event_keys={Beaten: _beaten_keys},
    attached=_attached,
)

_NAMES: Json = {"type": "array", "items": "string"}
_FIELDS: dict[str, dict[str, Json]] = {
    "Add": {"name": "string", "amount": "long", "how": "string"},
    "Arm": {"name": "string", "delay_ms": "long", "how": "string"},
    "Put": {"name": "string", "payload": "bytes"},
    "Take": {"name": "string"},
    "Beat": {"name": "string"},
    "Added": {"amount": "long", "how": "string"},
    "Armed": {"until": "long", "how": "string"},
    "Rang": {"until": "long"},
    "Kept": {"payload": "bytes"},
    "Beaten": {"names": _NAMES, "at": "long"},
    "Seen": {},
    "Counted": {"total": "long", "token": "long"},
    "Taken": {"token": "long"},
    "Alive": {"at": "long"},
    "Content": {"payload": "bytes"},
}
_COMMANDS = ("Add", "Arm", "Put", "Take", "Beat")


def _catalogue() -> Catalogue:
    meta = shipped().version("tidelock.wire.CommandMeta").definition

    def lookup(name: str) -> Json | None:
        return meta if name == "tidelock.wire.CommandMeta" else None

    files = []
    for name, fields in _FIELDS.items():
        listed: list[Json] = [{"name": field, "type": kind} for field, kind in fields.items()]
        if name in _COMMANDS:
            listed.insert(0, {"name": "meta", "type": "tidelock.wire.CommandMeta"})
        definition: Json = {"type": "record", "name": name, "namespace": "tidelock.toys", "fields": listed}
        files.append(schema_file(f"tidelock.toys.{name}", 1, inline(definition, lookup)))
    return Catalogue([*shipped(), *files])


def _vocabulary() -> Vocabulary:
    with patch("streams.log.vocabulary.with_folder", lambda _: _catalogue()):
        return Vocabulary(TOYS)


VOCABULARY = _vocabulary()

"""Value classes bound to schemas: what goes in comes out, and a class that does not fit is refused."""

from dataclasses import fields, replace
from typing import Any, Literal, NamedTuple, NewType

import pytest

from schemas.codec import schema as shipped_schema
from schemas.encoder import encoder
from schemas.errors import BindingMismatch, InvalidValue, MalformedData, UnknownSchema
from schemas.messages import Messages, bind, command_hash, type_name
from schemas.meta import CommandMeta
from schemas.shapes import Record
from streams.domain.decider import Rejected
from streams.domain.value import value
from streams.wire.messages import Answer, Answers, Barrier, BarrierPassed, Done, EndSession
from tests.unit.schemas.toys import META, catalogue, record

WIRE = bind("wire", (Answers, Rejected, Done, Barrier, EndSession))
BASE = CommandMeta(7, "acme", "c1", 9, "h", 1_700_000_000_000, 1_700_000_060_000, None, "token")


class TestMessages:
    """Events, replies and frames."""

    @pytest.mark.parametrize(
        "message",
        [
            Done(),
            Rejected("LOCK_BUSY", "held", (("owner", "c1"), ("since", "5"))),
            Rejected("LOCK_BUSY", "held", (), 250),
            Answers("locks", 3, 1 << 40, 5, 6, (Answer(1, True, b"r"), Answer(2, False, b"", (b"p", b"q")))),
        ],
    )
    def test_come_back_as_they_were(self, message: object) -> None:
        assert WIRE.decode(WIRE.encode(message)) == message

    def test_are_written_as_the_schema_alone_writes_them(self) -> None:
        fields = {"code": "X", "message": "m", "details": [{"name": "a", "value": "b"}], "retry_after_ms": 5}
        assert WIRE.encode(Rejected("X", "m", (("a", "b"),), 5)) == shipped_schema(
            "tidelock.wire.Rejected"
        ).encode(fields)

    def test_tell_their_type(self) -> None:
        assert WIRE.type_name(WIRE.encode(Done())) == type_name(WIRE.encode(Done())) == "tidelock.wire.Done"

    def test_name_the_field_that_does_not_fit(self) -> None:
        bad: Any = Rejected("X", "m", (("a", 5),))  # type: ignore[arg-type]
        with pytest.raises(InvalidValue, match=r"details\[0\]\.value must be text"):
            WIRE.encode(bad)

    def test_of_a_class_that_is_not_bound_are_refused(self) -> None:
        with pytest.raises(UnknownSchema, match=r"BarrierPassed.*bind"):
            WIRE.encode(BarrierPassed(1))

    def test_may_be_made_ready_before_the_first(self) -> None:
        messages = bind("wire", (Done, Barrier)).ready()
        assert messages.decode(messages.encode(Done())) == Done()
        assert messages.decode_command(messages.encode_command(BASE, Barrier("locks", 3)))[1] == Barrier(
            "locks", 3
        )

    def test_that_nobody_uses_cost_no_codec(self, monkeypatch: pytest.MonkeyPatch) -> None:
        generated: list[str] = []

        def counted(written: Record, *others: Any) -> Any:
            generated.append(written.fullname)
            return encoder(written, *others)

        monkeypatch.setattr("schemas.messages.encoder", counted)
        messages = bind("wire", (Done, Rejected))
        for _ in range(2):
            messages.encode(Done())
        assert generated == ["tidelock.wire.Done"]

    def test_of_a_schema_that_is_not_bound_are_refused(self) -> None:
        with pytest.raises(UnknownSchema, match="fingerprint"):
            WIRE.decode(bind("wire", (BarrierPassed,)).encode(BarrierPassed(1)))

    def test_of_two_groups_are_joined(self) -> None:
        both = bind("wire", (Done,)) | bind("wire", (BarrierPassed, Done))
        assert both.decode(both.encode(BarrierPassed(4))) == BarrierPassed(4)
        assert {binding.fullname for binding in both.bindings} == {
            "tidelock.wire.Done",
            "tidelock.wire.BarrierPassed",
        }

    def test_do_not_end_early_or_late(self) -> None:
        data = WIRE.encode(Done())
        with pytest.raises(MalformedData):
            WIRE.decode(data + b"\x00")


class TestCommands:
    """Commands carry `meta` beside them."""

    def test_come_back_with_their_meta(self) -> None:
        data = WIRE.encode_command(BASE, EndSession("locks", 3, "s", "why"))
        assert WIRE.decode_command(data) == (BASE, EndSession("locks", 3, "s", "why"))

    def test_are_no_events_and_events_are_no_commands(self) -> None:
        with pytest.raises(UnknownSchema, match="use encode_command"):
            WIRE.encode(Barrier("locks", 1))
        with pytest.raises(UnknownSchema, match="use encode"):
            WIRE.encode_command(BASE, Done())
        with pytest.raises(UnknownSchema, match="use decode_command"):
            WIRE.decode(WIRE.encode_command(BASE, Barrier("locks", 1)))
        with pytest.raises(UnknownSchema, match="use decode"):
            WIRE.decode_command(WIRE.encode(Done()))

    def test_name_what_does_not_fit_in_meta_or_command(self) -> None:
        with pytest.raises(InvalidValue) as refused:
            WIRE.encode_command(CommandMeta(1 << 70, "", "", 0, "", 0, 0), Barrier("locks", 1))
        assert refused.value.path == "floor"
        with pytest.raises(InvalidValue) as refused:
            WIRE.encode_command(BASE, Barrier("locks", 1 << 40))
        assert refused.value.path == "partition"

    @pytest.mark.parametrize("floor", [0, 63, 64, 8191, 8192, 1 << 40])
    def test_hash_alike_whatever_their_floor(self, floor: int) -> None:
        meta = replace(BASE, floor=floor)
        digest = command_hash(WIRE.encode_command(meta, Barrier("locks", 1)))
        assert digest == command_hash(WIRE.encode_command(BASE, Barrier("locks", 1)))
        assert len(digest) == 16

    def test_hash_differently_when_anything_else_differs(self) -> None:
        changed: list[CommandMeta] = []
        for name in [field.name for field in fields(BASE)][1:]:
            held = getattr(BASE, name)
            other: Any = "x" if isinstance(held, str) or held is None else held + 1
            changed.append(replace(BASE, **{name: other}))
        encoded = [WIRE.encode_command(meta, Barrier("locks", 1)) for meta in [BASE, *changed]]
        encoded += [
            WIRE.encode_command(BASE, Barrier("locks", 2)),
            WIRE.encode_command(BASE, EndSession("locks", 1, "", "why")),
        ]
        assert len({command_hash(data) for data in encoded}) == len(encoded)

    def test_hash_is_pinned_as_logs_hold_it(self) -> None:
        assert (
            command_hash(WIRE.encode_command(BASE, Barrier("locks", 1))).hex()
            == "40012c4aff11db38382755e1a6d8759a"
        )

    @pytest.mark.parametrize("data", [b"", b"\xc3\x01", b"\xff" * 30])
    def test_hash_of_garbage_is_some_hash(self, data: bytes) -> None:
        assert len(command_hash(data)) == 16


class Pair(NamedTuple):
    """Two fields by name."""

    name: str
    value: str


Millis = NewType("Millis", int)


@value
class Inner:
    """A nested record."""

    n: int


@value
class Toy:
    """All ways to nest a record."""

    pairs: tuple[Pair, ...]
    one: Inner
    maybe: Inner | None
    grid: tuple[tuple[Inner, ...], ...]
    mode: Literal["A", "B"]
    at: Millis


INNER = record("Inner", n="long")
TOY = record(
    "Toy",
    pairs={"type": "array", "items": record("Pair", name="string", value="string")},
    one=INNER,
    maybe=(["null", "Inner"], None),
    grid={"type": "array", "items": {"type": "array", "items": "Inner"}},
    mode={"type": "enum", "name": "Mode", "symbols": ["B", "A"]},
    at="long",
)


def test_records_nest_in_every_way() -> None:
    messages = bind("toy", (Toy,), catalogue=catalogue(TOY))
    for maybe in (None, Inner(4)):
        toy = Toy((Pair("a", "b"),), Inner(1), maybe, ((Inner(2), Inner(3)), ()), "A", Millis(5))
        assert messages.decode(messages.encode(toy)) == toy


def fits(kinds: dict[str, Any], hints: dict[str, Any]) -> Messages:
    cls: Any = value(type("Toy", (), {"__annotations__": hints, "__module__": __name__}))
    return bind("toy", (cls,), catalogue=catalogue(record("Toy", **kinds)))


MISMATCHES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a field is missing": ({"a": "long", "b": "long"}, {"a": int}),
    "a field is too many": ({"a": "long"}, {"a": int, "b": int}),
    "the order differs": ({"a": "long", "b": "long"}, {"b": int, "a": int}),
    "a type differs": ({"a": "long"}, {"a": str}),
    "a bool is no number": ({"a": "long"}, {"a": bool}),
    "bytes are no text": ({"a": "bytes"}, {"a": str}),
    "not every value may be None": ({"a": "long"}, {"a": int | None}),
    "None may come": ({"a": ["null", "long"]}, {"a": int}),
    "the type beside None differs": ({"a": ["null", "long"]}, {"a": str | None}),
    "a list is no tuple": ({"a": {"type": "array", "items": "long"}}, {"a": list[int]}),
    "a tuple of one is no array": ({"a": {"type": "array", "items": "long"}}, {"a": tuple[int]}),
    "an item differs": ({"a": {"type": "array", "items": "long"}}, {"a": tuple[str, ...]}),
    "a symbol is missing": (
        {"a": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
        {"a": Literal["A"]},
    ),
    "an enum is not just any text": ({"a": {"type": "enum", "name": "E", "symbols": ["A"]}}, {"a": str}),
    "a nested class differs": ({"a": record("Other", m="long")}, {"a": Inner}),
    "a nested tuple is too short": ({"a": record("Other", m="long", n="long")}, {"a": tuple[int]}),
    "a nested tuple differs": ({"a": record("Other", m="long", n="long")}, {"a": tuple[int, str]}),
    "a record is no number": ({"a": record("Other", m="long")}, {"a": int}),
}


@pytest.mark.parametrize(("kinds", "hints"), MISMATCHES.values(), ids=MISMATCHES.keys())
def test_a_class_that_does_not_fit_is_refused(kinds: dict[str, Any], hints: dict[str, Any]) -> None:
    with pytest.raises(BindingMismatch, match="change one of the two"):
        fits(kinds, hints)


def test_a_class_without_a_schema_is_refused() -> None:
    with pytest.raises(UnknownSchema, match=r"tidelock\.toy\.Toy"):
        bind("toy", (Toy,))


@value
class Granted:
    """The newest of three versions."""

    name: str
    token: int
    reason: str
    inner: Inner


FIRST = record(
    "Granted", name="string", old=("long", 5), gone=(["null", record("Gone", x="int")], None), token="long"
)
SECOND = record("Granted", name="string", token="long", inner=INNER, reason=("string", "unknown"))
THIRD = record("Granted", name="string", token="long", reason=("string", "unknown"), inner=INNER)


class TestVersions:
    """One class stands for all versions of its schema."""

    known = catalogue(SECOND, THIRD)

    def test_the_newest_is_written(self) -> None:
        messages = bind("toy", (Granted,), catalogue=self.known)
        data = messages.encode(Granted("n", 1, "r", Inner(2)))
        assert self.known.of(data).version == 2

    def test_an_older_one_is_written_on_demand(self) -> None:
        messages = bind("toy", (Granted,), versions={"Granted": 1}, catalogue=self.known)
        granted = Granted("n", 1, "r", Inner(2))
        data = messages.encode(granted)
        assert self.known.of(data).version == 1
        assert messages.decode(data) == granted

    def test_fields_that_an_old_version_lacks_take_their_default_and_lost_ones_are_dropped(self) -> None:
        old = record(
            "Granted",
            name="string",
            old=("long", 5),
            token="long",
            gone=(["null", record("Gone", x="int")], None),
        )
        new = record(
            "Granted",
            name="string",
            token="long",
            reason=("string", "unknown"),
            inner=(["null", INNER], None),
        )
        known = catalogue(old, new)
        cls: Any = value(
            type(
                "Granted",
                (),
                {"__annotations__": {"name": str, "token": int, "reason": str, "inner": Inner | None}},
            )
        )
        writer = bind("toy", (cls,), versions={"Granted": 1}, catalogue=known)
        reader = bind("toy", (cls,), catalogue=known)
        data = writer.encode(cls("n", 1, "why", None))
        assert data[10:] == b"\x02n" + b"\x0a" + b"\x02" + b"\x00"
        assert reader.decode(data) == cls("n", 1, "unknown", None)
        assert reader.decode(data[:10] + b"\x02n" + b"\x0a" + b"\x02" + b"\x02\x08") == cls(
            "n", 1, "unknown", None
        )

    def test_what_does_not_fit_an_older_version_is_named_past_the_fields_it_has_more(self) -> None:
        known = catalogue(
            record("Granted", old=("long", 5), name="string", token="long"),
            record("Granted", name="string", token="long"),
        )
        hints = {"__annotations__": {"name": str, "token": int}}
        cls: Any = value(type("Granted", (), hints))
        writer = bind("toy", (cls,), versions={"Granted": 1}, catalogue=known)
        with pytest.raises(InvalidValue) as refused:
            writer.encode(cls("n", "1"))
        assert refused.value.path == "token"

    def test_commands_have_versions_too(self) -> None:
        known = catalogue(
            record("Ask", meta=META, name="string"),
            record("Ask", meta=META, name="string", wait_ms=("long", 9)),
        )
        cls: Any = value(type("Ask", (), {"__annotations__": {"name": str, "wait_ms": int}}))
        writer = bind("toy", (cls,), versions={"Ask": 1}, catalogue=known)
        data = writer.encode_command(BASE, cls("n", 5))
        assert bind("toy", (cls,), catalogue=known).decode_command(data) == (BASE, cls("n", 9))

    def test_a_version_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(UnknownSchema, match="v3"):
            bind("toy", (Granted,), versions={"Granted": 3}, catalogue=self.known)

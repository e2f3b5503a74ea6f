"""The gate: which changes of a schema pass, both ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas import __main__ as command
from schemas import fingerprints, gate
from schemas.catalogue import Catalogue, load, shipped
from schemas.errors import FingerprintDrift, IncompatibleSchemas, SchemaError
from schemas.fingerprints import drifts, freeze, key, released, unreleased
from tests.unit.schemas.toys import catalogue, record


def enum(*symbols: str) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": symbols}


def inner(**fields: Any) -> dict[str, Any]:
    return record("Inner", **fields)


PASSES = {
    "a field with a default is added": ({"a": "long"}, {"a": "long", "b": ("string", "")}),
    "a field with a default is dropped": ({"a": "long", "b": (["null", "long"], None)}, {"a": "long"}),
    "fields change places": ({"a": "long", "b": "string"}, {"b": "string", "a": "long"}),
    "a record inside gains a field": ({"a": inner(x="int")}, {"a": inner(x="int", y=("int", 1))}),
    "a record in an array gains a field": (
        {"a": {"type": "array", "items": inner(x="int")}},
        {"a": {"type": "array", "items": inner(x="int", y=("int", 1))}},
    ),
}
FAILS = {
    "a field without a default is added": ({"a": "long"}, {"a": "long", "b": "string"}, "b is not written"),
    "a field without a default is dropped": ({"a": "long", "b": "long"}, {"a": "long"}, "b is not written"),
    "a field changes its name": ({"a": "long"}, {"b": "long"}, "is not written"),
    "an int becomes a long": ({"a": "int"}, {"a": "long"}, "a is int there and long here"),
    "text becomes bytes": ({"a": "string"}, {"a": "bytes"}, "a is string there"),
    "a value becomes optional": ({"a": "long"}, {"a": ["null", "long"]}, "a is long there and null or long"),
    "null changes its place and the value its type": (
        {"a": ["null", "int"]},
        {"a": ["long", "null"]},
        "a is int",
    ),
    "a symbol is added": ({"a": enum("A")}, {"a": enum("A", "B")}, "a is tidelock.toy.E"),
    "symbols change places": ({"a": enum("A", "B")}, {"a": enum("B", "A")}, "a is tidelock.toy.E"),
    "fixed bytes grow": (
        {"a": {"type": "fixed", "name": "F", "size": 1}},
        {"a": {"type": "fixed", "name": "F", "size": 2}},
        "a is tidelock.toy.F",
    ),
    "a record inside is another": ({"a": inner(x="int")}, {"a": record("Other", x="int")}, "Other"),
    "a record inside gains a field without default": ({"a": inner()}, {"a": inner(x="int")}, r"a\.x is not"),
    "items change": (
        {"a": {"type": "array", "items": "int"}},
        {"a": {"type": "array", "items": "long"}},
        "a is int",
    ),
    "the limit of an array changes": (
        {"a": {"type": "array", "items": "int", "maxItems": 5}, "b": ("int", 0)},
        {"a": {"type": "array", "items": "int", "maxItems": 6}},
        "keep maxItems",
    ),
}


@pytest.mark.parametrize(("old", "new"), PASSES.values(), ids=PASSES.keys())
def test_passes(old: dict[str, Any], new: dict[str, Any]) -> None:
    gate.check_all(catalogue(record("Toy", **old), record("Toy", **new)), {})


@pytest.mark.parametrize(("old", "new", "reason"), FAILS.values(), ids=FAILS.keys())
def test_fails_with_the_field_and_the_cure(old: dict[str, Any], new: dict[str, Any], reason: str) -> None:
    with pytest.raises(IncompatibleSchemas, match=reason):
        gate.check_all(catalogue(record("Toy", **old), record("Toy", **new)), {})


def test_every_pair_of_versions_is_compared_not_only_neighbours() -> None:
    """A default of v2 and v3 lets the neighbours pass; v1 and v3 disagree on the field's type."""
    versions: list[dict[str, Any]] = [{"a": ("int", 1)}, {}, {"a": ("string", "")}]
    found = list(gate.problems(catalogue(*[record("Toy", z="int", **fields) for fields in versions]), {}))
    assert [(type(each), getattr(each, "writer", "")) for each in found] == [
        (IncompatibleSchemas, "tidelock.toy.Toy v1"),
        (IncompatibleSchemas, "tidelock.toy.Toy v3"),
    ]


def test_envelopes_have_one_version_for_ever(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for name, fields in (("Claim.avsc", []), ("Claim.v2.avsc", [{"name": "a", "type": "int", "default": 1}])):
        definition = {"type": "record", "name": "tidelock.log.Claim", "fields": fields}
        (tmp_path / "log" / name).write_text(json.dumps(definition), "utf-8")
    with pytest.raises(FingerprintDrift, match=r"tidelock\.log\.Claim"):
        gate.check_all(load(tmp_path), {})


def test_the_meta_of_commands_has_one_version_for_ever(tmp_path: Path) -> None:
    (tmp_path / "wire").mkdir()
    for name, fields in (
        ("CommandMeta.avsc", []),
        ("CommandMeta.v2.avsc", [{"name": "a", "type": "int", "default": 1}]),
    ):
        definition = {"type": "record", "name": "tidelock.wire.CommandMeta", "fields": fields}
        (tmp_path / "wire" / name).write_text(json.dumps(definition), "utf-8")
    with pytest.raises(FingerprintDrift, match=r"tidelock\.wire\.CommandMeta"):
        gate.check_all(load(tmp_path), {})


def test_what_ships_passes() -> None:
    """The promise to all who stored data: if this fails, restore the file and add a version instead."""
    gate.check_all()


def test_the_envelopes_are_frozen() -> None:
    assert {key(file) for file in shipped() if file.group == gate.ENVELOPES} <= released().keys()


class TestFingerprints:
    """`fingerprints.json` only ever grows."""

    def known(self, **fields: Any) -> Catalogue:
        return catalogue(record("Toy", **fields))

    def test_new_schemas_are_added_once(self, tmp_path: Path) -> None:
        path = tmp_path / "fingerprints.json"
        assert freeze(self.known(a="int"), path) == ("tidelock.toy.Toy",)
        assert freeze(self.known(a="int"), path) == ()
        both = catalogue(record("Toy", a="int"), record("Toy", a="int", b=("int", 0)))
        assert [key(file) for file in unreleased(both, released(path))] == ["tidelock.toy.Toy.v2"]
        assert freeze(both, path) == ("tidelock.toy.Toy.v2",)
        assert set(released(path)) == {"tidelock.toy.Toy", "tidelock.toy.Toy.v2"}

    def test_a_changed_schema_is_named_and_nothing_is_written(self, tmp_path: Path) -> None:
        path = tmp_path / "fingerprints.json"
        freeze(self.known(a="int"), path)
        before = path.read_text("utf-8")
        with pytest.raises(FingerprintDrift, match="put the change into the next version"):
            freeze(self.known(a="long"), path)
        assert path.read_text("utf-8") == before

    def test_a_schema_that_is_gone_is_named(self) -> None:
        (gone,) = drifts((), {"tidelock.toy.Toy": "00" * 8})
        assert gone.schema == "tidelock.toy.Toy"
        assert "file is gone" in str(gone)


class TestCommandLine:
    """`python -m schemas`."""

    def run(self, monkeypatch: pytest.MonkeyPatch, problems: list[SchemaError], *arguments: str) -> int:
        monkeypatch.setattr(command, "problems", lambda *_: iter(problems))
        return command.main(arguments)

    def test_check_succeeds_when_all_is_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.run(monkeypatch, [], "check") == 0

    def test_check_fails_and_prints_each_problem(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found: list[SchemaError] = [FingerprintDrift("a.B", "00", "01"), IncompatibleSchemas("w", "r", "why")]
        assert self.run(monkeypatch, found, "check") == 1
        printed = capsys.readouterr().err
        assert "FINGERPRINT_DRIFT: released schema a.B" in printed
        assert "INCOMPATIBLE_SCHEMAS" in printed

    def test_a_release_needs_every_schema_frozen(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(command, "released", dict)
        assert self.run(monkeypatch, [], "check", "--release") == 1
        assert "tidelock.log.Commit" in capsys.readouterr().out
        monkeypatch.setattr(command, "released", lambda: {key(file): "" for file in shipped()})
        assert self.run(monkeypatch, [], "check", "--release") == 0

    def test_freeze_says_what_it_froze(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "fingerprints.json"
        monkeypatch.setattr(command, "freeze", lambda files: fingerprints.freeze(files, path))
        assert command.main(("freeze",)) == 0
        assert "tidelock.log.Commit" in capsys.readouterr().out
        assert released(path).keys() == {key(file) for file in shipped()}

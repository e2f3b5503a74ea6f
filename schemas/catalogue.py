"""The schemas that ship with this release, by fingerprint and by name.

A file `avro/<group>/<Name>.avsc` defines type `tidelock.<group>.<Name>`; `<Name>.v2.avsc` defines the same
type anew, and so on. A file may name a type of another file (`tidelock.wire.CommandMeta`, always its first
version); every other type is its own.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import fastavro.schema

from schemas.errors import BadSchema, UnknownSchema
from schemas.parsing import Json, inline, parse
from schemas.rabin import rabin
from schemas.shapes import Enum, Fixed, Record

MAGIC = b"\xc3\x01"
"""The two bytes that open a single-object encoding; eight bytes of fingerprint follow."""
HEADER = 10
SHIPPED = Path(__file__).with_name("avro")


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One version of one schema."""

    fullname: str
    version: int
    definition: Json
    """Self-contained: types of other files are written out."""
    shape: Record | Enum | Fixed
    fingerprint: bytes
    """CRC-64-AVRO of the parsing canonical form, little-endian as single-object encoding writes it."""

    @property
    def group(self) -> str:
        """The folder: a kind, `log` or `wire`."""
        return self.fullname.split(".")[1]

    @property
    def label(self) -> str:
        """Name and version, for people: `tidelock.locks.LockGranted v2`."""
        return f"{self.fullname} v{self.version}"

    @property
    def header(self) -> bytes:
        """The first ten bytes of each message of this schema."""
        return MAGIC + self.fingerprint


class Catalogue:
    """An immutable set of schema files."""

    def __init__(self, files: Iterable[SchemaFile]) -> None:
        self._by_header: dict[bytes, SchemaFile] = {}
        self._by_name: dict[str, list[SchemaFile]] = {}
        for file in sorted(files, key=lambda file: (file.fullname, file.version)):
            same = self._by_header.setdefault(file.header, file)
            if same is not file:
                raise BadSchema(file.label, f"has the same canonical form as {same.label}; delete one")
            versions = self._by_name.setdefault(file.fullname, [])
            versions.append(file)
            if file.version != len(versions):
                raise BadSchema(
                    file.label, f"version {len(versions)} is missing; versions count from 1 without gaps"
                )

    def __iter__(self) -> Iterator[SchemaFile]:
        return iter(self._by_header.values())

    def __len__(self) -> int:
        return len(self._by_header)

    def __contains__(self, header: bytes) -> bool:
        return header in self._by_header

    def versions(self, fullname: str) -> tuple[SchemaFile, ...]:
        """Return all versions of a type, oldest first; UnknownSchema if there is none."""
        try:
            return tuple(self._by_name[fullname])
        except KeyError:
            raise UnknownSchema(fullname) from None

    def version(self, fullname: str, number: int | None = None) -> SchemaFile:
        """Return version `number`, or the newest, of a type; UnknownSchema if there is none."""
        versions = self.versions(fullname)
        if number is None:
            return versions[-1]
        if not 1 <= number <= len(versions):
            raise UnknownSchema(f"{fullname} v{number}")
        return versions[number - 1]

    def of(self, data: bytes) -> SchemaFile:
        """Return the schema that wrote `data`, a single-object encoding; UnknownSchema if we have none."""
        try:
            return self._by_header[data[:HEADER]]
        except KeyError:
            raise unknown_header(data) from None

    def type_name(self, data: bytes) -> str:
        """Return the full name of the record that `data` encodes."""
        return self.of(data).fullname


def unknown_header(data: bytes) -> UnknownSchema:
    """Return the error for bytes whose header names no schema of ours."""
    if data[:2] != MAGIC or len(data) < HEADER:
        start = f"{len(data)} bytes that start with '{data[:HEADER].hex()}'"
        return UnknownSchema(start, "messages start with c301 and eight bytes of fingerprint")
    return UnknownSchema(f"fingerprint {data[2:HEADER].hex()}")


@cache
def shipped() -> Catalogue:
    """Return the catalogue of this release (immutable, read once)."""
    return load(SHIPPED)


@cache
def with_folder(folder: str) -> Catalogue:
    """Return what ships with this release, and the .avsc files below `folder`, as a kind may bring them; '': none."""
    if not folder:
        return shipped()
    return Catalogue([*shipped(), *load(Path(folder), shipped())])


def load(root: Path, beside: Iterable[SchemaFile] = ()) -> Catalogue:
    """Return the catalogue of the .avsc files below `root`, which may name types of those `beside` them."""
    definitions = {path: _read(path) for path in sorted(root.glob("*/*.avsc"))}
    first = {file.fullname: file.definition for file in beside if file.version == 1}
    first |= {_fullname(path): found for path, found in definitions.items() if _version(path) == 1}
    return Catalogue(schema_file(_fullname(path), _version(path), inline(found, first.get))
                     for path, found in definitions.items())  # fmt: skip


def schema_file(fullname: str, version: int, definition: Json) -> SchemaFile:
    """Return the checked, fingerprinted schema of a self-contained definition."""
    shape = parse(definition)
    if shape.fullname != fullname:
        raise BadSchema(fullname, f"its file defines {shape.fullname}; name the file after the type")
    return SchemaFile(fullname, version, definition, shape, canonical_fingerprint(definition))


def canonical_fingerprint(definition: Json) -> bytes:
    """Return the CRC-64-AVRO of the parsing canonical form, little-endian."""
    parsed = fastavro.schema.parse_schema(definition, _force=True)
    return rabin(fastavro.schema.to_parsing_canonical_form(parsed).encode())


def _read(path: Path) -> Json:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadSchema(str(path), f"is not JSON: {error}") from error


def _fullname(path: Path) -> str:
    return f"tidelock.{path.parent.name}.{path.name.split('.')[0]}"


def _version(path: Path) -> int:
    match path.name.split("."):
        case [_, "avsc"]:
            return 1
        case [_, tag, "avsc"] if tag[0] == "v" and tag[1:].isdecimal() and int(tag[1:]) > 1:
            return int(tag[1:])
        case _:
            raise BadSchema(str(path), "is named neither <Name>.avsc nor <Name>.v<N>.avsc (N from 2)")

"""Value classes in and out of their bytes.

Class `AcquireLock` of group `locks` is record `tidelock.locks.AcquireLock`:

    locks = bind("locks", (AcquireLock, LockGranted))
    data = locks.encode_command(meta, AcquireLock("orders/42", ...))
    meta, command = locks.decode_command(data)

A command's record has a first field `meta` that its class lacks. Data of older versions of a schema decode to
the same class: new fields take their defaults.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

from schemas.catalogue import HEADER, Catalogue, SchemaFile, shipped, unknown_header
from schemas.decoder import decoder
from schemas.encoder import encoder
from schemas.errors import BadSchema, UnknownSchema
from schemas.meta import CommandMeta
from schemas.shapes import Record
from schemas.targets import class_target

META_RECORD = "tidelock.wire.CommandMeta"


class Binding:
    """One class and the versions of its schema: it reads them all and writes one of them."""

    def __init__(self, cls: type, files: Sequence[SchemaFile], written: SchemaFile) -> None:
        self.cls = cls
        self.files = tuple(files)
        self.written = written
        self.fullname = self.written.fullname
        newest = _record(files[-1])
        self.is_command = _is_command(newest)
        if not self.is_command:
            self._target, self._meta = class_target(newest, cls), None
            return
        self._target = class_target(Record(newest.fullname, newest.fields[1:]), cls)
        self._meta = class_target(_meta(newest), CommandMeta)

    @cached_property
    def decoders(self) -> dict[bytes, Callable[[bytes], Any]]:
        """The reader of each version, by header."""
        return {
            file.header: decoder(_record(file), self._target, file.header, self._meta) for file in self.files
        }

    @cached_property
    def encoder(self) -> Callable[..., bytes]:
        """The writer of the class."""
        return encoder(_record(self.written), self._target, self.written.header, self._meta)


class Messages:
    """A set of bound classes. Made by `bind`; `a | b` holds both."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self.bindings = tuple({binding.cls: binding for binding in bindings}.values())
        events = [binding for binding in self.bindings if not binding.is_command]
        commands = [binding for binding in self.bindings if binding.is_command]
        self._encoders = {binding.cls: binding.encoder for binding in events}
        self._decoders = _joined(binding.decoders for binding in events)
        self._command_encoders = {binding.cls: binding.encoder for binding in commands}
        self._command_decoders = _joined(binding.decoders for binding in commands)
        self._names = {file.header: file.fullname for binding in self.bindings for file in binding.files}

    @property
    def command_headers(self) -> Iterable[bytes]:
        """What the encodings of the commands among these start with."""
        return self._command_decoders.keys()

    def __or__(self, other: "Messages") -> "Messages":
        return Messages((*self.bindings, *other.bindings))

    def encode(self, obj: object) -> bytes:
        """Return the single-object encoding of an event, reply or frame. UnknownSchema, InvalidValue."""
        try:
            encode = self._encoders[type(obj)]
        except KeyError:
            raise self._not_bound(obj, "encode_command") from None
        return encode(obj)

    def decode(self, data: bytes) -> Any:
        """Return the event, reply or frame that `data` holds. UnknownSchema, MalformedData, TooManyValues."""
        try:
            decode = self._decoders[data[:HEADER]]
        except KeyError:
            raise self._unknown(data, "decode_command") from None
        return decode(data)

    def encode_command(self, meta: CommandMeta, obj: object) -> bytes:
        """Return the single-object encoding of a command. UnknownSchema, InvalidValue."""
        try:
            encode = self._command_encoders[type(obj)]
        except KeyError:
            raise self._not_bound(obj, "encode") from None
        return encode(meta, obj)

    def decode_command(self, data: bytes) -> tuple[CommandMeta, Any]:
        """Return (meta, command). UnknownSchema, MalformedData, TooManyValues."""
        meta, command, _ = self.split_command(data)
        return meta, command

    def split_command(self, data: bytes) -> tuple[CommandMeta, Any, int]:
        """Return (meta, command, end): meta is `data[HEADER:end]`. UnknownSchema, MalformedData, TooManyValues."""
        try:
            decode = self._command_decoders[data[:HEADER]]
        except KeyError:
            raise self._unknown(data, "decode") from None
        parts: tuple[CommandMeta, Any, int] = decode(data)
        return parts

    def knows(self, data: bytes) -> bool:
        """Say whether `data` starts as an event, reply or frame of these does."""
        return data[:HEADER] in self._decoders

    def type_name(self, data: bytes) -> str:
        """Return the full name of the record that `data` encodes, which is one of these. UnknownSchema."""
        try:
            return self._names[data[:HEADER]]
        except KeyError:
            raise unknown_header(data) from None

    def _unknown(self, data: bytes, other: str) -> UnknownSchema:
        name = self._names.get(data[:HEADER])
        return unknown_header(data) if name is None else UnknownSchema(name, f"use {other}")

    def _not_bound(self, obj: object, other: str) -> UnknownSchema:
        bound = any(binding.cls is type(obj) for binding in self.bindings)
        cure = f"use {other}" if bound else "give it to bind()"
        return UnknownSchema(f"class {type(obj).__qualname__}", cure)


def bind(
    group: str,
    classes: Iterable[type],
    *,
    versions: Mapping[str, int] | None = None,
    catalogue: Catalogue | None = None,
) -> Messages:
    """Bind each class to `tidelock.<group>.<Class>`. UnknownSchema, BindingMismatch.

    A schema is written in its newest version, unless `versions` names an older one (by class name) because
    the active feature level does not have the newest yet.
    """
    known = shipped() if catalogue is None else catalogue
    written = versions or {}
    return Messages(
        _binding(known, f"tidelock.{group}.{cls.__name__}", cls, written.get(cls.__name__)) for cls in classes
    )


def command_hash(data: bytes) -> bytes:
    """Return 16 bytes over an encoded command, all of it but the floor (the first field of its meta)."""
    after = HEADER
    while after < len(data) and data[after] > 127:
        after += 1
    return blake2b(data[:HEADER] + data[after + 1 :], digest_size=16).digest()


def type_name(data: bytes) -> str:
    """Return the full name of the shipped record that `data` encodes. UnknownSchema."""
    return shipped().type_name(data)


def _joined(parts: Iterable[dict[bytes, Callable[[bytes], Any]]]) -> dict[bytes, Callable[[bytes], Any]]:
    return {header: decode for part in parts for header, decode in part.items()}


def _binding(catalogue: Catalogue, fullname: str, cls: type, version: int | None) -> Binding:
    return Binding(cls, catalogue.versions(fullname), catalogue.version(fullname, version))


def _record(file: SchemaFile) -> Record:
    if not isinstance(file.shape, Record):
        raise BadSchema(file.label, "is no record, so no message; wrap it in one")
    return file.shape


def _is_command(record: Record) -> bool:
    first = record.fields[0] if record.fields else None
    return first is not None and isinstance(first.shape, Record) and first.shape.fullname == META_RECORD


def _meta(record: Record) -> Record:
    shape = record.fields[0].shape
    assert isinstance(shape, Record)
    return shape

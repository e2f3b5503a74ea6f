"""Value classes in and out of their bytes.

Class `AcquireLock` of group `locks` is record `tidelock.locks.AcquireLock`:

    locks = bind("locks", (AcquireLock, LockGranted))
    data = locks.encode_command(meta, AcquireLock("orders/42", ...))
    meta, command = locks.decode_command(data)

A command's record has a first field `meta` that its class lacks. Data of older versions of a schema decode to
the same class: new fields take their defaults.

The functions that encode and decode a class are generated when it is first used: most processes use few of the classes
that they bind. Who cannot wait then calls `ready`.
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
        self._records = {file.header: _record(file) for file in files}
        newest = self._records[files[-1].header]
        self._decoders: dict[bytes, Callable[[bytes], Any]] = {}
        self.is_command = _is_command(newest)
        if not self.is_command:
            self._target, self._meta = class_target(newest, cls), None
            return
        self._target = class_target(Record(newest.fullname, newest.fields[1:]), cls)
        self._meta = class_target(_meta(newest), CommandMeta)

    def decoder(self, header: bytes) -> Callable[[bytes], Any]:
        """Return the reader of the version with that header."""
        if header not in self._decoders:
            self._decoders[header] = decoder(self._records[header], self._target, header, self._meta)
        return self._decoders[header]

    @cached_property
    def encoder(self) -> Callable[..., bytes]:
        """The writer of the class."""
        return encoder(self._records[self.written.header], self._target, self.written.header, self._meta)


class Messages:
    """A set of bound classes. Made by `bind`; `a | b` holds both."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self.bindings = tuple({binding.cls: binding for binding in bindings}.values())
        self._by_class = {binding.cls: binding for binding in self.bindings}
        self._by_header = {file.header: binding for binding in self.bindings for file in binding.files}
        self._names = {file.header: file.fullname for binding in self.bindings for file in binding.files}
        self._event_headers = frozenset(self._headers(commands=False))
        self._encoders: dict[type, Callable[..., bytes]] = {}
        self._decoders: dict[bytes, Callable[[bytes], Any]] = {}
        self._command_encoders: dict[type, Callable[..., bytes]] = {}
        self._command_decoders: dict[bytes, Callable[[bytes], Any]] = {}

    @property
    def command_headers(self) -> Iterable[bytes]:
        """What the encodings of the commands among these start with."""
        return self._headers(commands=True)

    def ready(self) -> "Messages":
        """Generate every codec now, so that no first message waits for it; return these messages."""
        for cls, binding in self._by_class.items():
            (self._command_encoders if binding.is_command else self._encoders)[cls] = binding.encoder
        for header, binding in self._by_header.items():
            decoders = self._command_decoders if binding.is_command else self._decoders
            decoders[header] = binding.decoder(header)
        return self

    def __or__(self, other: "Messages") -> "Messages":
        return Messages((*self.bindings, *other.bindings))

    def encode(self, obj: object) -> bytes:
        """Return the single-object encoding of an event, reply or frame. UnknownSchema, InvalidValue."""
        try:
            encode = self._encoders[type(obj)]
        except KeyError:
            encode = self._encoders[type(obj)] = self._bound(obj, command=False).encoder
        return encode(obj)

    def decode(self, data: bytes) -> Any:
        """Return the event, reply or frame that `data` holds. UnknownSchema, MalformedData, TooManyValues."""
        try:
            decode = self._decoders[data[:HEADER]]
        except KeyError:
            decode = self._decoders[data[:HEADER]] = self._known(data, command=False)
        return decode(data)

    def encode_command(self, meta: CommandMeta, obj: object) -> bytes:
        """Return the single-object encoding of a command. UnknownSchema, InvalidValue."""
        try:
            encode = self._command_encoders[type(obj)]
        except KeyError:
            encode = self._command_encoders[type(obj)] = self._bound(obj, command=True).encoder
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
            decode = self._command_decoders[data[:HEADER]] = self._known(data, command=True)
        parts: tuple[CommandMeta, Any, int] = decode(data)
        return parts

    def knows(self, data: bytes) -> bool:
        """Say whether `data` starts as an event, reply or frame of these does."""
        return data[:HEADER] in self._event_headers

    def type_name(self, data: bytes) -> str:
        """Return the full name of the record that `data` encodes, which is one of these. UnknownSchema."""
        try:
            return self._names[data[:HEADER]]
        except KeyError:
            raise unknown_header(data) from None

    def _headers(self, *, commands: bool) -> list[bytes]:
        return [header for header, binding in self._by_header.items() if binding.is_command is commands]

    def _bound(self, obj: object, *, command: bool) -> Binding:
        binding = self._by_class.get(type(obj))
        if binding is not None and binding.is_command is command:
            return binding
        cure = (
            "give it to bind()" if binding is None else "use " + ("encode" if command else "encode_command")
        )
        raise UnknownSchema(f"class {type(obj).__qualname__}", cure) from None

    def _known(self, data: bytes, *, command: bool) -> Callable[[bytes], Any]:
        header = data[:HEADER]
        binding = self._by_header.get(header)
        if binding is None:
            raise unknown_header(data) from None
        if binding.is_command is not command:
            raise UnknownSchema(
                self._names[header], "use " + ("decode" if command else "decode_command")
            ) from None
        return binding.decoder(header)


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

"""The client's side of the codec: frames of the direct lane, commands, replies of each kind.

A command is written in two parts that are joined: its meta, of which most bytes are the same for all commands
of a client in the same millisecond, and its own fields. The tests hold the result equal to
`Messages.encode_command`.
"""

from collections.abc import Callable
from functools import cache
from typing import TypeAlias

from schemas.catalogue import with_folder
from schemas.encoder import encoder
from schemas.errors import SchemaError
from schemas.messages import Messages, bind
from schemas.shapes import Record
from schemas.targets import class_target
from schemas.varints import write_varint
from streams.domain.decider import Rejected
from streams.domain.kind import KindSpec
from streams.wire import messages as wire
from tidelock.client.errors import BadArgument

Writer: TypeAlias = tuple[bytes, Callable[[object], bytes]]
"""A command's header, and what writes its fields without the meta."""
COMMON_REPLIES = (wire.Done, wire.BarrierPassed, Rejected)
COMMON_COMMANDS = (wire.Barrier, wire.EndSession)


@cache
def frames() -> Messages:
    """Return the codec of the frames that are no commands (immutable, bound once)."""
    return bind("wire", (wire.Hello, wire.Welcome, wire.Answers, wire.Refused, wire.Told))


@cache
def common_replies() -> Messages:
    """Return the codec of the replies that all kinds share (immutable, bound once)."""
    return bind("wire", COMMON_REPLIES)


class KindCodec:
    """Commands and replies of one kind."""

    def __init__(self, spec: KindSpec) -> None:
        self.spec = spec
        replies = bind(spec.name, spec.replies, catalogue=with_folder(spec.schemas))
        self.decode_reply = (replies | common_replies()).decode
        self._types = frozenset((*COMMON_COMMANDS, *(each.type for each in spec.commands)))
        self._writers: dict[type, Writer] = {}

    def check(self, command: object) -> None:
        """Raise `BadArgument` if `command` is none of this kind."""
        if type(command) not in self._types:
            raise self._strange(command)

    def _strange(self, command: object) -> BadArgument:
        name = type(command).__name__
        return BadArgument(
            f"{name} is no command of kind {self.spec.name}. See streams.catalog for those that are."
        )

    def write(self, command: object) -> tuple[bytes, bytes]:
        """Return (header, fields without meta) of `command`. Raises `BadArgument`."""
        writer = self._writers.get(type(command))
        if writer is None:
            writer = self._writers[type(command)] = self._writer(command)
        header, write = writer
        try:
            return header, write(command)
        except SchemaError as error:
            raise BadArgument(str(error)) from error

    def _writer(self, command: object) -> Writer:
        """Generate the writer of `command`'s class: on first use, for most processes write few of them."""
        self.check(command)
        if type(command) in COMMON_COMMANDS:
            return command_writer("wire", type(command))
        return command_writer(self.spec.name, type(command), self.spec.schemas)

    def rewrite(
        self, record: bytes, writer: "MetaWriter", sequence: int, issued_ms: int, deadline_ms: int
    ) -> bytes:
        """Return what follows the floor in `record`, under another sequence and other times. Slow."""
        types = tuple(each.type for each in self.spec.commands)
        commands = bind(self.spec.name, types, catalogue=with_folder(self.spec.schemas))
        meta, command = (commands | bind("wire", COMMON_COMMANDS)).decode_command(record)
        written = writer.write(
            sequence,
            meta.handle,
            issued_ms,
            deadline_ms,
            traceparent=meta.traceparent,
            session=meta.session,
        )
        return written + self.write(command)[1]


@cache
def codec_of(spec: KindSpec) -> KindCodec:
    """Return the codec of a kind (built once a process)."""
    return KindCodec(spec)


def command_writer(group: str, cls: type, schemas: str = "") -> Writer:
    """Return the header of command `cls` and the writer of its fields but the first, the meta."""
    file = with_folder(schemas).versions(f"tidelock.{group}.{cls.__name__}")[-1]
    assert isinstance(file.shape, Record)
    fields = Record(file.fullname, file.shape.fields[1:])
    return file.header, encoder(fields, class_target(fields, cls), b"")


class MetaWriter:
    """Writes the fields of `CommandMeta` behind the floor, which is put before them at each sending."""

    def __init__(self, tenant: str, client: str) -> None:
        self._who = text(tenant) + text(client)
        self._times = (-1, -1)
        self._times_bytes = b""

    def write(
        self,
        sequence: int,
        handle: str,
        issued_ms: int,
        deadline_ms: int,
        traceparent: str | None = None,
        session: str | None = None,
    ) -> bytes:
        """Return the bytes of one command's meta without the floor."""
        if self._times != (issued_ms, deadline_ms):
            self._times = (issued_ms, deadline_ms)
            self._times_bytes = write_varint(issued_ms << 1) + write_varint(deadline_ms << 1)
        rest = self._times_bytes
        if traceparent is None and session is None:
            rest += b"\0\0"
        else:
            rest += optional(traceparent) + optional(session)
        holder = handle.encode()
        return self._who + write_varint(sequence << 1) + write_varint(len(holder) << 1) + holder + rest


def text(string: str) -> bytes:
    """Return the Avro bytes of `string`."""
    data = string.encode()
    return write_varint(len(data) << 1) + data


def optional(string: str | None) -> bytes:
    """Return the Avro bytes of `string` as a union with null first."""
    return b"\0" if string is None else b"\2" + text(string)

"""The words of one kind: which Avro records stand for which values. Built once a process from the catalogue."""

from typing import Any

from schemas.catalogue import with_folder
from schemas.messages import Messages, bind
from schemas.meta import CommandMeta
from streams.domain.decider import Rejected
from streams.domain.kind import CommandSpec, KindSpec
from streams.domain.roles import Role
from streams.wire.messages import Barrier, BarrierPassed, Done, EndSession, SessionEnded, TimerFailed

ENGINE_COMMANDS: tuple[type, ...] = (Barrier, EndSession)
ENGINE_EVENTS: tuple[type, ...] = (SessionEnded, TimerFailed)
ENGINE_REPLIES: tuple[type, ...] = (Rejected, Done, BarrierPassed)


class Vocabulary:
    """Encodes and decodes one kind's commands, events and replies."""

    def __init__(self, kind: KindSpec) -> None:
        self.kind = kind
        self.specs: dict[type, CommandSpec] = {spec.type: spec for spec in kind.commands}
        for engine_command in ENGINE_COMMANDS:
            roles: tuple[Role, ...] = ("SYSTEM",) if engine_command is EndSession else ()
            self.specs[engine_command] = CommandSpec(engine_command, roles=roles)
        self.looks = frozenset(spec.type.__name__ for spec in kind.commands if not spec.deduplicated)
        """Commands that only look at a key, or keep it alive: who sends no others does not use it."""
        own_commands = _own(kind, tuple(spec.type for spec in kind.commands))
        self.command_headers = tuple(own_commands.command_headers)
        """What the encodings of the kind's own commands start with."""
        self._commands = own_commands | bind("wire", ENGINE_COMMANDS)
        self._events = _own(kind, kind.events) | bind("wire", ENGINE_EVENTS)
        self._replies = _own(kind, kind.replies) | bind("wire", ENGINE_REPLIES)
        self.decode_command = self._commands.decode_command
        """bytes -> (CommandMeta, command). Raises `SchemaError`."""
        self.split_command = self._commands.split_command
        """bytes -> (CommandMeta, command, where in the bytes the meta ends). Raises `SchemaError`."""
        self.encode_event = self._events.encode
        self.decode_event = self._events.decode
        self.knows_event = self._events.knows
        self.event_name = self._events.type_name
        """bytes -> the full name of the event's record, without decoding it. Raises `UnknownSchema`."""
        self.encode_reply = self._replies.encode
        self.decode_reply = self._replies.decode
        self.reply_name = self._replies.type_name
        """bytes -> the full name of the reply's record, without decoding it. Raises `UnknownSchema`."""

    def ready(self) -> "Vocabulary":
        """Generate every codec now, so that no first command waits for it; return this vocabulary."""
        for messages in (self._commands, self._events, self._replies):
            messages.ready()
        return self

    def encode_command(self, meta: CommandMeta, command: Any) -> bytes:
        """Return the single-object encoding of `command` under `meta`."""
        return self._commands.encode_command(meta, command)


def _own(kind: KindSpec, types: tuple[type, ...]) -> Messages:
    return bind(kind.name, types, catalogue=with_folder(kind.schemas))

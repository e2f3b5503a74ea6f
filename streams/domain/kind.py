"""What the catalogue says of one kind of resource. Standard library only."""

from collections.abc import Callable
from dataclasses import field
from typing import Any

from streams.domain.decider import Decider, Rejected
from streams.domain.roles import Role
from streams.domain.value import value


@value
class CommandSpec:
    """One command type: how the engine treats it before the decider sees it."""

    type: type
    deduplicated: bool = True
    """False: no answer is kept and a repeat is decided again (heartbeats)."""
    coalesce: Callable[[tuple[tuple[Any, Any], ...]], Any] | None = None
    """Given ((requester, command), ...) of one tenant, gathered for up to 250 ms, the one command to decide.

    It is decided for that tenant, on the key that `key_of` gives. None: each alone.
    """
    refuse: Callable[[Any, Any, Any], Rejected | None] | None = None
    """Given (command, requester, state of the key that the command names): why it is not gathered; None: it is."""
    roles: tuple[Role, ...] = ()
    """Only who has one of these may send it; empty: every client."""


@value
class KindSpec:
    """One kind: its pure decider and the names of its messages. The engine knows nothing else of it."""

    name: str
    decider: Decider[Any, Any, Any, Any]
    commands: tuple[CommandSpec, ...]
    events: tuple[type, ...]
    replies: tuple[type, ...]
    key_of: Callable[[Any], str]
    """The resource name a command addresses; the engine's key is `tenant/name`."""
    shown: Callable[[Any], object] | None = field(default=None, hash=False)
    """A key's state as people are shown it, as values of plain data; None: as it is."""
    schemas: str = ""
    """The folder above `<name>/*.avsc`, the schemas of its messages; '': they ship with the release."""
    event_keys: dict[type, Callable[[str, Any], tuple[str, ...]]] = field(default_factory=dict, hash=False)
    """For events that fold into other keys than their decision's (heartbeat lists, sweeps).

    Given the decision's tenant and the event: which keys, as `tenant/name`. All must lie in the decision's partition.
    """
    sessions_of: Callable[[Any], tuple[str, ...]] | None = None
    """The sessions that something of a key's state belongs to; None: of no key of this kind.

    When one ends, the engine has each such key decide `streams.domain.session.SessionGone`.
    """
    attached: Callable[[Any, Any], tuple[object, ...]] | None = None
    """(state of the key, reply) -> values of `replies` that the reply only names, joined when the answer is sent.

    Of commands that were decided as one, each gets what the key that it names has.
    """
    told: tuple[str, ...] = ()
    """What clients count by themselves of a resource, as no command comes of it, and tell workers at times."""

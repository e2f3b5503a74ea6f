"""What a program says of the node that it is: `tidelock.connect(..., node=Node("worker-7"))`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from streams.domain.nodes.commands import Health, Label, Registration
from tidelock.client.nodes.events import NodeEvent
from tidelock.client.terms import ms_of


@dataclass(frozen=True, slots=True)
class Node:
    """This client is the node `name`: what it takes is its session's, and comes free when the node dies."""

    name: str
    """1 to 100 printable characters, no colon; not `brake`. One live client has it."""
    address: str = ""
    """Where it listens."""
    zone: str = ""
    """Where it stands."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What it is chosen by: up to 32, 4 KiB in all."""
    capacity: int = 0
    """How much it can do, in units of its own; its load is in the same."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What else is to be known of it: up to 32, 4 KiB in all."""
    timeout: float = 5.0
    """So many seconds of silence are its death: 1 to 600. A heartbeat goes out about every fifth of it."""
    load: Callable[[], int] | None = None
    """Asked before each heartbeat, on the event loop; must not block."""
    health: Callable[[], Health] | None = None
    """Likewise; one that raises counts as CRITICAL."""
    rejoin: bool = True
    """Register anew, by itself, when the session has ended."""
    take_over: bool = False
    """This is a restart: end the session that an earlier process of the same principal left, instead of `NodeAlive`."""
    on_event: Callable[[NodeEvent], None] | None = None
    """Told of what becomes of the session, on the event loop; must not block. See `NodeEvent`."""

    def registration(self) -> Registration:
        """Return it as commands carry it. Raises `BadArgument`."""
        return Registration(
            self.address,
            self.zone,
            labels_of(self.labels),
            self.capacity,
            labels_of(self.metadata),
            ms_of(self.timeout, "timeout"),
        )


def labels_of(words: Mapping[str, str]) -> tuple[Label, ...]:
    """Return named words as commands carry them."""
    return tuple(Label(name, word) for name, word in words.items())


def words_of(labels: tuple[Label, ...]) -> dict[str, str]:
    """Return named words as programs use them."""
    return {label.name: label.value for label in labels}


def printable(text: str, most: int = 200) -> str:
    """Return `text` as a check's output or reason may be: what cannot be printed is a space, the rest is cut off."""
    return "".join(each if each.isprintable() else " " for each in text[:most])

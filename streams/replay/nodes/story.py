"""What becomes of nodes and the brake, in sentences. Of heartbeats it tells only those that clear a suspicion. Pure."""

from collections.abc import Iterator
from typing import Any, get_args

from streams.domain.nodes.events import (
    NodeRegistered,
    NodesHeard,
    NodeSuspected,
    OfBrakeEvent,
    OfNodeEvent,
)
from streams.domain.nodes.names import BRAKE
from streams.domain.value import value
from streams.replay.nodes.phrases import brake_phrase, node_phrase

_OF_NODE, _OF_BRAKE = get_args(OfNodeEvent), get_args(OfBrakeEvent)


@value
class Told:
    """One sentence."""

    name: str
    """Of the node; of the brake: `brake`."""
    text: str
    event: Any


class NodeStory:
    """Tells events one by one; those of services are passed over."""

    def __init__(self) -> None:
        self._suspected: set[str] = set()

    def tell(self, name: str, event: Any) -> Iterator[Told]:
        """Yield what is to be told of an event in the decision on `name`."""
        kind = type(event)
        if kind is NodesHeard:
            yield from self._heard(event)
        elif kind in _OF_BRAKE:
            yield Told(BRAKE, brake_phrase(event), event)
        elif kind in _OF_NODE:
            self._note(name, event)
            yield Told(name, node_phrase(event), event)

    def _heard(self, event: NodesHeard) -> Iterator[Told]:
        for beat in event.beats if self._suspected else ():
            if beat.name in self._suspected:
                self._suspected.remove(beat.name)
                yield Told(beat.name, "is heard again", beat)

    def _note(self, name: str, event: OfNodeEvent) -> None:
        if isinstance(event, NodeSuspected):
            self._suspected.add(name)
        elif isinstance(event, NodeRegistered):
            self._suspected.discard(name)

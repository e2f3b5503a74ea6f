"""Where, when and by whom an event happened: a decision may be about many nodes, so that no place is told."""

from typing import Any

from streams.domain.value import value
from streams.projections.causes import When


@value
class Cause:
    """Of one event: where, when, by whom, and its number."""

    partition: int
    tenant: str
    when: When
    principal: str
    """Who asked; empty: time did it."""
    client: str
    event: int

    @property
    def stamp(self) -> dict[str, Any]:
        """What a row that the event changed says of it."""
        return {"event": self.event, "changed_offset": self.when.offset, "changed_ms": self.when.time_ms}

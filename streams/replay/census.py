"""Everything of one tenant that stands in one partition at a moment, by the kind's own fold. Pure.

`KeyChronicle` follows one key; whoever lists what there is follows them all.
"""

from collections.abc import Iterator
from typing import Any

from schemas.errors import SchemaError
from streams.log.accepted import AcceptedCommit
from streams.log.ports import TopicReader
from streams.log.positions import PartitionId
from streams.log.reader import UnknownEvent
from streams.log.vocabulary import ENGINE_EVENTS, Vocabulary
from streams.replay.moment import Moment, Target
from streams.replay.rewind import Progress, walk_to
from streams.wire.keys import key_of


class Census:
    """All keys of one tenant, moved on commit by commit."""

    def __init__(self, tenant: str, vocabulary: Vocabulary) -> None:
        self._tenant = tenant
        self._own = key_of(tenant, "")
        self._kind = vocabulary.kind
        self._decider = vocabulary.kind.decider
        self._spreads = vocabulary.kind.event_keys
        self._states: dict[str, Any] = {}

    def shown(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield what is there by rising name, in what form the kind shows it: all whose name begins with `prefix`."""
        shown = self._kind.shown
        for key in sorted(self._states):
            name = key[len(self._own) :]
            if name.startswith(prefix):
                yield name, self._states[key] if shown is None else shown(self._states[key])

    def commit(self, accepted: AcceptedCommit) -> None:
        """Fold one commit that counts. Raises `UnknownEvent` if it cannot be read."""
        try:
            for decided in accepted.decided:
                if decided.decision.tenant == self._tenant:
                    self._fold(decided.decision.key, decided.events)
        except SchemaError as error:
            what = f"an event cannot be read ({error}). Upgrade before reading on."
            raise UnknownEvent(accepted.position, what) from error

    def _fold(self, own: str, events: tuple[Any, ...]) -> None:
        for event in events:
            if type(event) in ENGINE_EVENTS:
                continue
            spread = self._spreads.get(type(event))
            for key in (own,) if spread is None else spread(self._tenant, event):
                self._evolve(key, event)

    def _evolve(self, key: str, event: Any) -> None:
        initial = self._decider.initial(key)
        state = self._decider.evolve(self._states.get(key, initial), event)
        if state is initial:
            self._states.pop(key, None)
        else:
            self._states[key] = state


async def take_census(
    log: TopicReader,
    where: PartitionId,
    tenant: str,
    vocabulary: Vocabulary,
    target: Target,
    *,
    progress: Progress,
) -> tuple[Moment, Census]:
    """Return everything of `tenant` in a partition at `target`. Raises `RewindError`, `LogHalt`, `LogUnavailable`."""
    census = Census(tenant, vocabulary)
    moment = await walk_to(log, where, vocabulary, target, census.commit, progress=progress)
    return moment, census

"""What a caller remembers of each instance: calls under way, its turn, its circuit."""

from collections.abc import Iterable

from tidelock.client.nodes.breaker import Breaker, BreakerTerms
from tidelock.client.nodes.instance import Instance


class Peer:
    """One instance, as one caller knows it."""

    __slots__ = ("breaker", "instance", "open_calls", "saved", "turn")

    def __init__(self, instance: Instance, terms: BreakerTerms) -> None:
        self.instance = instance
        self.breaker = Breaker(terms)
        self.open_calls = 0
        self.turn = 0
        """The number of the pick it was last chosen by; 0: never."""
        self.saved = 0
        """What it has saved up for its turn among weighted ones."""

    @property
    def name(self) -> str:
        """The instance's name."""
        return self.instance.name


class Peers:
    """The instances that one caller knows. Those of another session are others: they may be another process."""

    def __init__(self, terms: BreakerTerms) -> None:
        self._terms = terms
        self._known: dict[tuple[str, str], Peer] = {}
        self._seen: Iterable[Instance] = ()

    def of(self, instances: tuple[Instance, ...]) -> list[Peer]:
        """Return a peer for each instance, in order; the others are forgotten."""
        if instances is not self._seen:
            known, terms = self._known, self._terms
            self._known = {_key(each): known.get(_key(each)) or Peer(each, terms) for each in instances}
            for each in instances:
                self._known[_key(each)].instance = each
            self._seen = instances
        return list(self._known.values())


def _key(instance: Instance) -> tuple[str, str]:
    return instance.name, instance.session

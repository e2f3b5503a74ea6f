"""Choosing an instance: which may be called, then which of them it is. Pure but for what peers remember."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, Literal, TypeAlias

from streams.wire.ring import Ring
from tidelock.client.nodes.peers import Peer

Balance: TypeAlias = Literal["round_robin", "weighted", "least_calls"]


class Picker:
    """Chooses among the peers of one service by `balance`, or by key where one is given.

    In order: only healthy instances of nodes that do not drain, whose circuit is closed; of those the ones that have
    a weight, and the ones of our zone, where there are any.
    """

    def __init__(self, balance: Balance, zone: str) -> None:
        self._choose = BALANCES[balance]
        self._zone = zone
        self._turn = 0
        self._ring = Ring(())
        self._names: tuple[str, ...] = ()

    def pick(
        self, peers: list[Peer], now: float, key: str | None = None, tried: Collection[Peer] = ()
    ) -> Peer | None:
        """Return the peer to call, none of those `tried`; None: there is none."""
        able = [peer for peer in peers if _callable(peer, now) and peer not in tried]
        able = preferred(able, lambda peer: peer.instance.weight > 0)
        if self._zone:
            able = preferred(able, lambda peer: peer.instance.zone == self._zone)
        if not able:
            return None
        chosen = self._choose(able) if key is None else self._by_key(peers, able, key)
        self._turn += 1
        chosen.turn = self._turn
        return chosen

    def _by_key(self, peers: list[Peer], able: list[Peer], key: str) -> Peer:
        """Return the able peer that `key` prefers: few keys move when an instance comes or goes."""
        names = tuple(peer.name for peer in peers)
        if names != self._names:
            self._ring, self._names = Ring(names), names
        by_name = {peer.name: peer for peer in able}
        return next(by_name[name] for name in self._ring.walk(key) if name in by_name)


def _callable(peer: Peer, now: float) -> bool:
    instance = peer.instance
    return instance.healthy and not instance.draining and peer.breaker.allows(now)


def preferred(peers: list[Peer], wanted: Callable[[Peer], bool]) -> list[Peer]:
    """Return those that are `wanted`, or all if none is."""
    return [peer for peer in peers if wanted(peer)] or peers


def round_robin(peers: list[Peer]) -> Peer:
    """Return the one that was not chosen for longest."""
    return min(peers, key=lambda peer: (peer.turn, peer.name))


def weighted(peers: list[Peer]) -> Peer:
    """Return each in proportion to its weight, evenly spread (nginx's smooth weighted round robin)."""
    if not any(peer.instance.weight for peer in peers):
        return round_robin(peers)
    for peer in peers:
        peer.saved += peer.instance.weight
    chosen = max(peers, key=lambda peer: peer.saved)
    chosen.saved -= sum(peer.instance.weight for peer in peers)
    return chosen


def least_calls(peers: list[Peer]) -> Peer:
    """Return the one with the fewest calls of ours under way for its weight; among equals by turns."""
    return min(peers, key=lambda peer: ((peer.open_calls + 1) / max(1, peer.instance.weight), peer.turn))


BALANCES: Final[Mapping[Balance, Callable[[list[Peer]], Peer]]] = {
    "round_robin": round_robin,
    "weighted": weighted,
    "least_calls": least_calls,
}

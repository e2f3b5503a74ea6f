"""Which instance is chosen."""

from collections import Counter

import pytest

from tidelock.client.nodes.breaker import BreakerTerms
from tidelock.client.nodes.instance import Instance
from tidelock.client.nodes.peers import Peer, Peers
from tidelock.client.nodes.picker import BALANCES, Balance, Picker


def instance(
    name: str,
    zone: str = "",
    weight: int = 100,
    healthy: bool = True,
    session: str = "n:1",
    draining: bool = False,
) -> Instance:
    return Instance("api", name, f"{name}:80", zone, weight, healthy, "", {}, session, draining, 1)


def peers(*instances: Instance) -> list[Peer]:
    return Peers(BreakerTerms()).of(instances)


def picked(picker: Picker, among: list[Peer], times: int) -> str:
    chosen = [picker.pick(among, 0.0) for _ in range(times)]
    return "".join(peer.name if peer else "-" for peer in chosen)


def test_round_robin_takes_turns_and_a_newcomer_is_next() -> None:
    known, picker = Peers(BreakerTerms()), Picker("round_robin", "")
    assert picked(picker, known.of((instance("a"), instance("b"))), 5) == "ababa"
    assert picked(picker, known.of((instance("a"), instance("b"), instance("c"))), 6) == "cbacba"


def test_weighted_is_in_proportion_and_evenly_spread() -> None:
    among = peers(instance("a", weight=5), instance("b", weight=1), instance("c", weight=1))
    assert picked(Picker("weighted", ""), among, 7) == "aabacaa"


def test_least_calls_counts_our_own_calls_for_the_weight() -> None:
    among = peers(instance("a", weight=2), instance("b", weight=1), instance("c", weight=1))
    picker = Picker("least_calls", "")
    for _ in range(8):
        peer = picker.pick(among, 0.0)
        assert peer is not None
        peer.open_calls += 1
    assert [peer.open_calls for peer in among] == [4, 2, 2]


@pytest.mark.parametrize("balance", BALANCES)
def test_the_unhealthy_are_skipped_and_those_without_weight_only_a_last_resort(balance: Balance) -> None:
    among = peers(instance("a", healthy=False), instance("b", weight=0), instance("c"))
    picker = Picker(balance, "")
    assert picked(picker, among, 3) == "ccc"
    assert picked(picker, among[:2], 3) == "bbb"
    assert picked(picker, among[:1], 1) == "-"
    assert picked(picker, [], 1) == "-"


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("balance", BALANCES)
def test_who_drains_is_never_chosen(balance: Balance, key: str | None) -> None:
    among = peers(instance("a", draining=True), instance("b", weight=0), instance("c", draining=True))
    picker = Picker(balance, "")
    chosen = picker.pick(among, 0.0, key)
    assert chosen is not None
    assert chosen.name == "b"
    assert picker.pick(among[:1], 0.0, key) is None


def test_our_zone_comes_first_as_long_as_it_has_one_that_may_be_called() -> None:
    among = peers(instance("a", "z1"), instance("b", "z2"), instance("c", "z1", weight=0))
    picker = Picker("round_robin", "z2")
    assert picked(picker, among, 3) == "bbb"
    for _ in range(5):
        among[1].breaker.end(False, True, 0.0)
    assert picked(picker, among, 3) == "aaa"
    assert picked(Picker("round_robin", "nowhere"), among, 2) == "aa"


def test_a_key_stays_where_it_is_but_for_those_of_the_one_that_left() -> None:
    among = peers(*(instance(name) for name in "abcde"))
    picker = Picker("round_robin", "")
    keys = [f"key-{number}" for number in range(300)]

    def places(among: list[Peer]) -> dict[str, str]:
        chosen = {key: picker.pick(among, 0.0, key) for key in keys}
        return {key: peer.name for key, peer in chosen.items() if peer is not None}

    before = places(among)
    assert min(Counter(before.values()).values()) > 20
    assert before == places(list(reversed(among)))
    without = [peer for peer in among if peer.name != "c"]
    after = places(without)
    assert {key for key in keys if before[key] != after[key]} == {key for key in keys if before[key] == "c"}
    sick = peers(*(instance(name, healthy=name != "c") for name in "abcde"))
    assert places(sick) == after
    assert places(among) == before


def test_those_tried_are_not_chosen_again() -> None:
    among = peers(instance("a"), instance("b"))
    picker = Picker("round_robin", "")
    assert picker.pick(among, 0.0, None, [among[0]]) is among[1]
    assert picker.pick(among, 0.0, "key", among) is None


def test_what_is_known_of_an_instance_stays_until_another_session_has_it() -> None:
    known = Peers(BreakerTerms())
    (first,) = known.of((instance("a"),))
    (again,) = known.of((instance("a", weight=3),))
    assert again is first
    assert again.instance.weight == 3
    (other,) = known.of((instance("a", session="n:2"),))
    assert other is not first

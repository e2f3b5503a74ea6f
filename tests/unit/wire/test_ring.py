"""The ring: few keys move when members come and go, nobody holds more than its bounded share."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.wire.ring import Ring, place

KEYS = [f"locks/{number}" for number in range(2000)]
MEMBERS = [f"worker-{number}" for number in range(8)]
WEIGHTS = dict.fromkeys([f"locks/{number}" for number in range(256)], 1)


def _owners(members: list[str]) -> dict[str, str]:
    ring = Ring(members)
    return {key: ring.owner(key) for key in KEYS}


def test_without_members_nobody_owns() -> None:
    assert place(WEIGHTS, []) == {}
    with pytest.raises(LookupError):
        Ring([]).owner("k")


def test_a_member_that_leaves_moves_only_its_own_keys() -> None:
    before, after = _owners(MEMBERS), _owners(MEMBERS[:-1])
    moved = {key for key in KEYS if before[key] != after[key]}
    assert moved == {key for key in KEYS if before[key] == MEMBERS[-1]}


def test_a_member_that_comes_takes_about_its_share() -> None:
    before, after = _owners(MEMBERS[:-1]), _owners(MEMBERS)
    moved = [key for key in KEYS if before[key] != after[key]]
    assert {after[key] for key in moved} == {MEMBERS[-1]}
    assert 0.5 / 8 < len(moved) / len(KEYS) < 2 / 8


def test_150_virtual_nodes_spread_keys_evenly() -> None:
    owners = list(_owners(MEMBERS).values())
    shares = [owners.count(member) * len(MEMBERS) / len(KEYS) for member in MEMBERS]
    assert min(shares) > 0.6 and max(shares) < 1.5


def test_walk_names_every_member_once_and_is_the_same_for_any_order_of_members() -> None:
    walked = list(Ring(MEMBERS).walk("locks/7"))
    assert sorted(walked) == MEMBERS
    assert list(Ring(reversed(MEMBERS)).walk("locks/7")) == walked


def test_placement_moves_few_partitions_when_a_worker_leaves() -> None:
    before, after = place(WEIGHTS, MEMBERS), place(WEIGHTS, MEMBERS[:-1])
    lost = sum(owner == MEMBERS[-1] for owner in before.values())
    moved = sum(before[key] != after[key] for key in WEIGHTS)
    assert lost <= moved <= 2 * lost, (lost, moved)


@given(
    st.dictionaries(st.text(min_size=1, max_size=6), st.integers(0, 50), min_size=1, max_size=40),
    st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=6, unique=True),
)
def test_no_member_is_loaded_beyond_its_bound(weights: dict[str, int], members: list[str]) -> None:
    placed = place(weights, members)
    assert placed.keys() == weights.keys()
    room = ceil(sum(max(1, weight) for weight in weights.values()) * 1.25 / len(members))
    for member in members:
        mine = [max(1, weights[key]) for key, owner in placed.items() if owner == member]
        assert sum(mine) <= room + max(weights.values(), default=0)
    assert placed == place(dict(reversed(weights.items())), list(reversed(members)))

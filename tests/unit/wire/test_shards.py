"""Shards: every client agrees on them, and a resize moves little more than it must."""

import pytest

from streams.wire.shards import MAX_SHARDS, shard_of

KEYS = [f"orders/{number}" for number in range(4_000)]


def test_one_shard_takes_everything() -> None:
    assert {shard_of(key, 1) for key in KEYS} == {0}


@pytest.mark.parametrize("shards", [2, 5, MAX_SHARDS])
def test_every_shard_gets_some(shards: int) -> None:
    assert {shard_of(key, shards) for key in KEYS} == set(range(shards))


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 15, 31])
def test_a_new_shard_takes_its_share_and_the_rest_stays(shards: int) -> None:
    moved = [key for key in KEYS if shard_of(key, shards) != shard_of(key, shards + 1)]
    assert {shard_of(key, shards + 1) for key in moved} == {shards}
    ideal = len(KEYS) / (shards + 1)
    assert 0.7 * ideal < len(moved) <= 1.2 * ideal


def test_golden_places_never_change() -> None:
    """Messages of a group wait where this put them."""
    assert [shard_of(key, 8) for key in ("a", "b", "orders/42", "Ünï", "")] == GOLDEN


GOLDEN = [2, 6, 7, 0, 1]

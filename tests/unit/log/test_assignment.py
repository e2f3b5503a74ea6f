"""The assignor: every member computes the same placement, few partitions move, load is bounded."""

import pytest

from streams.log.assignment import Member, assign
from streams.log.positions import PartitionId

PARTITIONS = [PartitionId(kind, number) for kind in ("locks", "queues") for number in range(32)]


def members(*workers: str, **costs: tuple[tuple[str, int], ...]) -> dict[str, Member]:
    return {
        f"member-{worker}": Member(worker, f"{worker}:7400", 1, costs.get(worker, ())) for worker in workers
    }


def test_what_a_member_says_travels_as_bytes() -> None:
    member = Member("w1", "10.0.0.1:7400", 3, (("locks/0", 12_000), ("locks/7", 0)))
    assert Member.from_bytes(member.to_bytes()) == member


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"\xff\x00",
        b"null",
        b"[" * 100_000,
        b"{}",
        b'{"worker": 1, "address": "a:1", "max_level": 1, "costs": {}}',
        b'{"worker": "\\ud800", "address": "a:1", "max_level": 1, "costs": {}}',
        b'{"worker": "a", "address": null, "max_level": 1, "costs": {}}',
        b'{"worker": "a", "address": "a:1", "max_level": "1", "costs": {}}',
        b'{"worker": "a", "address": "a:1", "max_level": 1, "costs": []}',
        b'{"worker": "a", "address": "a:1", "max_level": 1, "costs": {"locks/0": NaN}}',
        b'{"worker": "a", "address": "a:1", "max_level": 1, "costs": {"locks/0": "9"}}',
    ],
    ids=lambda data: repr(data)[:70],
)
def test_what_is_no_member_of_ours_is_no_member(data: bytes | None) -> None:
    assert Member.from_bytes(data) is None


def test_without_members_nobody_owns_anything() -> None:
    assert assign({}, PARTITIONS) == {}


def test_every_partition_has_one_owner_and_the_order_of_members_does_not_matter() -> None:
    placed = assign(members("a", "b", "c"), PARTITIONS)
    assert set(placed) == set(PARTITIONS)
    shuffled = dict(reversed(members("a", "b", "c").items()))
    assert assign(shuffled, list(reversed(PARTITIONS))) == placed


def test_partitions_are_spread_within_the_bound() -> None:
    placed = list(assign(members("a", "b", "c", "d"), PARTITIONS).values())
    assert max(placed.count(member) for member in set(placed)) <= 20
    assert len(set(placed)) == 4


@pytest.mark.parametrize("address", range(20))
def test_each_kind_is_spread_for_itself(address: int) -> None:
    two = {mid: Member(mid, f"127.0.0.1:{address}", 1) for mid in ("one", "two")}
    few = [PartitionId(kind, number) for kind in ("locks", "queues") for number in range(4)]
    placed = assign(two, few)
    for kind in ("locks", "queues"):
        assert {mid for p, mid in placed.items() if p.kind == kind} == {"one", "two"}


def test_a_worker_that_comes_back_under_another_member_id_gets_its_partitions_back() -> None:
    before = assign(members("a", "b"), PARTITIONS)
    again = {"new-id" if mid == "member-a" else mid: m for mid, m in members("a", "b").items()}
    after = assign(again, PARTITIONS)
    assert {p for p, mid in before.items() if mid == "member-a"} == {
        p for p, mid in after.items() if mid == "new-id"
    }


def test_few_move_when_a_worker_leaves() -> None:
    before = assign(members("a", "b", "c", "d"), PARTITIONS)
    after = assign(members("a", "b", "c"), PARTITIONS)
    orphans = sum(mid == "member-d" for mid in before.values())
    moved = sum(before[p] != after[p] for p in PARTITIONS)
    assert moved <= 2 * orphans


def test_a_busy_partition_weighs_more() -> None:
    costs = (("locks/0", 40_000),)
    placed = assign(members("a", "b", a=costs), PARTITIONS)
    busy = placed[PartitionId("locks", 0)]
    mine = [p for p, mid in placed.items() if mid == busy]
    assert len(mine) < len(PARTITIONS) / 2


def test_two_members_with_one_name_are_told_apart_by_their_address() -> None:
    twins = {"m1": Member("a", "x:1", 1), "m2": Member("a", "x:2", 1)}
    placed = assign(twins, PARTITIONS)
    assert set(placed.values()) == {"m1", "m2"}

"""What clients are shown of the tier, and what late offers do: on one server, and on a cluster."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import RedisCluster

from streams.log.positions import PartitionId
from streams.projections.tier import Stretch
from streams.wire.tier import STALE_MS, stamp
from tests.contract.tier.conftest import KEY, LOG, OF, Realm, at, change, shard
from tidelock.client.caches.ports import Held
from tidelock.client.caches.redis_tier import RedisTier

pytestmark = [
    pytest.mark.integration,
    pytest.mark.xdist_group("tier"),
    pytest.mark.asyncio(loop_scope="module"),
]
HERE = PartitionId("caches", 0)


async def test_what_is_offered_is_shown_to_all(realm: Realm) -> None:
    await realm.followed()
    assert await realm.get("a") is None
    await realm.offer("a", 5, 7, b"v")
    assert await realm.get("a") == Held(5, b"v")
    assert await realm.tier.get(replace(shard(), key="acme/others"), "a") is None
    assert await realm.tier.get(replace(shard(), key="evil/products"), "a") is None
    assert realm.tier.counts.hits == 1
    assert realm.tier.counts.misses == 3


async def test_nothing_is_kept_or_shown_unless_a_process_says_that_it_follows(realm: Realm) -> None:
    await realm.offer("a", 5, 7)
    await realm.followed()
    assert await realm.get("a") is None
    await realm.offer("a", 5, 7)
    await realm.keeping.delete(OF.sign)
    assert await realm.get("a") is None
    assert realm.tier.counts.unsigned == 2
    await realm.signed(0)
    assert await realm.get("a") == Held(5, b"x")


async def test_a_sign_stands_from_when_the_end_was_seen_not_from_when_it_is_told(realm: Realm) -> None:
    await realm.followed()
    await realm.keeping.delete(OF.sign)
    now = await realm.store.sign(HERE, LOG, 0, 0)
    assert now is not None
    assert not await realm.keeping.exists(OF.sign)
    await realm.store.sign(HERE, LOG, 0, now - STALE_MS + 2_000)
    assert 0 < await realm.ttl(OF.sign) <= 2_000
    await realm.store.sign(HERE, LOG, 0, now)
    assert 2_000 < await realm.ttl(OF.sign) <= STALE_MS
    await realm.store.sign(HERE, LOG, 0, now - STALE_MS + 1_000)  # another process's, which saw less
    assert 2_000 < await realm.ttl(OF.sign) <= STALE_MS


async def test_a_change_takes_the_copy_away_and_older_offers_come_late(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("a", 5, 5, b"old")
    assert await realm.change(0, 1, change("a", 9))
    assert await realm.get("a") is None
    await realm.offer("a", 5, 8, b"old")  # read before the change, and held up
    assert await realm.get("a") is None
    assert realm.tier.counts.late == 1
    await realm.offer("a", 9, 9, b"new")
    assert await realm.get("a") == Held(9, b"new")


async def test_an_offer_ahead_of_the_process_stays_when_the_process_comes_by(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("a", 9, 9, b"new")
    assert await realm.change(0, 1, change("a", 5))
    assert await realm.change(1, 2, change("a", 9))
    assert await realm.get("a") == Held(9, b"new")
    assert await realm.change(2, 3, change("a", 12))
    assert await realm.get("a") is None


async def test_an_older_version_does_not_replace_a_newer_one(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("a", 9, 9, b"new")
    await realm.offer("a", 5, 6, b"old")
    assert await realm.get("a") == Held(9, b"new")


async def test_an_old_value_that_was_read_now_is_taken_though_others_of_its_stamp_changed(
    realm: Realm,
) -> None:
    other = next(name for name in map(str, range(100_000)) if stamp(KEY, name) == stamp(KEY, "a"))
    await realm.followed()
    assert await realm.change(0, 1, change(other, 50))
    await realm.offer("a", 5, 49)  # cannot be told from one that comes late
    assert await realm.get("a") is None
    await realm.offer("a", 5, 51)
    assert await realm.get("a") == Held(5, b"x")


async def test_stretches_may_come_twice_and_by_several(realm: Realm) -> None:
    await realm.followed()
    assert await realm.change(0, 5, change("a", 5))
    await realm.offer("a", 9, 9)
    assert await realm.change(0, 5, change("a", 10))  # behind the mark: somebody did it
    assert await realm.change(3, 6, change("b", 6), change("a", 5))
    assert await realm.get("a") == Held(9, b"x")
    assert (await realm.store.begin(HERE, LOG, 0, at(0))).next_offset == 6
    assert await realm.change(6, 9, change("c", 8))
    assert await realm.change(6, 12, change("c", 3))
    await realm.offer("c", 5, 7)
    assert await realm.get("c") is None


async def test_a_mark_before_the_stretch_is_told(realm: Realm) -> None:
    assert not await realm.change(0, 5, change("a", 5))
    await realm.followed()
    assert not await realm.change(1, 5, change("a", 5))
    assert await realm.store.sign(HERE, LOG, 1, 0) is None
    assert not await realm.store.apply(HERE, "another log", Stretch(0, at(5), (), 0))
    assert await realm.store.sign(HERE, "another log", 0, 0) is None


async def test_after_a_flush_nothing_older_is_believed(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("a", 5, 5)
    await realm.keeping.delete(OF.mark)  # evicted, say; the copy is still there
    assert await realm.get("a") is None
    await realm.store.begin(HERE, LOG, 20, at(9))
    await realm.signed(9)
    assert await realm.get("a") is None
    await realm.offer("a", 5, 20)
    assert realm.tier.counts.late == 1
    assert await realm.get("a") is None
    await realm.offer("a", 5, 21)
    assert await realm.get("a") == Held(5, b"x")


async def test_the_mark_of_another_log_is_replaced(realm: Realm) -> None:
    await realm.followed()
    await realm.change(0, 5, change("a", 5))
    assert await realm.store.begin(HERE, "l2", 7, at(1)) == at(1)
    assert await realm.get("a") is None
    assert realm.tier.counts.unsigned == 1


async def test_a_deleted_cache_takes_all_that_was_granted_before(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("a", 5, 6)
    assert await realm.change(0, 1, since=8)
    assert await realm.get("a") is None
    await realm.offer("a", 5, 8)
    assert await realm.get("a") is None
    assert await realm.change(1, 2, since=3)
    await realm.offer("a", 7, 7)
    assert await realm.get("a") is None
    await realm.offer("a", 9, 9)
    assert await realm.get("a") == Held(9, b"x")


async def test_many_changes_are_one_stretch(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("e1199", 5, 5)
    assert await realm.change(0, 1, *[change(f"e{n}", n + 10) for n in range(1_200)], since=4)
    assert await realm.get("e1199") is None
    assert (await realm.store.begin(HERE, LOG, 0, at(0))).next_offset == 1


async def test_what_is_kept_is_bounded(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("a", 5, 5, expires=2.0)
    await realm.offer("b", 5, 5, expires=1e6)
    await realm.offer("c", 5, 5, expires=0.0)
    await realm.offer("d", 5, 0)
    assert 0 < await realm.ttl(OF.copy(KEY, "a")) <= 2_000
    assert 200_000 < await realm.ttl(OF.copy(KEY, "b")) <= 300_000
    assert await realm.get("c") is None
    assert await realm.get("d") is None
    assert 0 < await realm.ttl(OF.mark) <= 86_400_000


async def test_this_client_is_shown_nothing_that_it_knows_to_be_gone(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("a", 5, 5)
    realm.tier.drop(shard(), "a", 5)
    assert await realm.get("a") is None
    assert realm.tier.counts.older == 1
    await realm.offer("a", 6, 6)
    assert await realm.get("a") == Held(6, b"x")


async def test_any_names_and_values_will_do(realm: Realm) -> None:
    await realm.followed()
    for name in ("ä/€ {x}", "{", "}", "a b", "#1"):
        await realm.offer(name, 5, 5, b"\x00\xff" * 1000)
        assert await realm.get(name) == Held(5, b"\x00\xff" * 1000)
    await realm.offer("empty", 5, 5, b"")
    assert await realm.get("empty") == Held(5, b"")


async def test_scripts_that_redis_forgot_are_told_again(realm: Realm) -> None:
    await realm.followed()
    await realm.offer("a", 5, 5)
    await realm.keeping.script_flush()
    assert await realm.get("a") == Held(5, b"x")
    await realm.keeping.script_flush()
    assert await realm.change(0, 1, change("a", 6))
    assert await realm.get("a") is None


async def test_partitions_know_nothing_of_each_other(realm: Realm) -> None:
    for partition in range(6):  # on all nodes of a cluster
        await realm.followed(partition)
        await realm.tier.offer(shard(partition), "a", Held(5 + partition, b"x"), 11)
    assert await realm.change(0, 1, change("a", 20), partition=3)
    shown = [await realm.get("a", partition) for partition in range(6)]
    assert shown == [None if n == 3 else Held(5 + n, b"x") for n in range(6)]


STEPS = st.lists(
    st.tuples(st.sampled_from("wrofdxgs"), st.sampled_from("ab"), st.integers(0, 5)), max_size=40
)


@given(STEPS)
@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_nobody_is_shown_what_the_process_has_seen_change(
    realm: Realm, steps: list[tuple[str, str, int]]
) -> None:
    """Writes (w), reads (r), their offers whenever (o), the process (f) and a second one that lags (g), a deleted
    cache (d), a flush (x), a lost copy (s): what is shown is a version that stood at the process's position or later.
    """
    await realm.keeping.flushall()
    await realm.followed()
    world = _World()
    for what, entry, pick in steps:
        await world.step(realm, what, entry, pick)
        for name in "ab":
            held = await realm.get(name)
            assert held is None or held.version in world.since_mark(name), (what, name, held)


class _World:
    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []
        """(entry or "" for all, its new version; 0: none), by token from 1."""
        self.offers: list[tuple[str, int, int]] = []
        self.mark = 0
        self.lagging = 0

    def version(self, entry: str, token: int) -> int:
        for name, version in reversed(self.log[:token]):
            if name in (entry, ""):
                return version
        return 0

    def since_mark(self, entry: str) -> set[int]:
        return {self.version(entry, token) for token in range(self.mark, len(self.log) + 1)} - {0}

    async def step(self, realm: Realm, what: str, entry: str, pick: int) -> None:
        match what:
            case "w":
                self.log.append((entry, len(self.log) + 1 if pick else 0))
            case "d":
                self.log.append(("", 0))
            case "r":
                version = self.version(entry, len(self.log))
                if version:
                    self.log.append((entry, version))  # the grant is an event, too
                    self.offers.append((entry, version, len(self.log)))
            case "o" if self.offers:
                await realm.offer(*self.offers[pick % len(self.offers)])
            case "f":
                await self._follow(realm, self.mark)
            case "g":
                await self._follow(realm, self.lagging)
                self.lagging = min(self.lagging + pick, self.mark)
            case "x":
                await realm.keeping.flushall()
                await realm.store.begin(HERE, LOG, self.mark, at(self.mark))
                await realm.signed(self.mark)
            case "s":
                await realm.keeping.delete(OF.copy(KEY, entry))

    async def _follow(self, realm: Realm, start: int) -> None:
        end = len(self.log) if start == self.mark else self.mark
        fresh, since = dict[str, int](), 0
        for token in range(start + 1, end + 1):
            name, version = self.log[token - 1]
            before = self.version(name, token - 1)
            if not name:
                since = token
            elif version != before:
                fresh[name] = token
        changes = [change(name, token) for name, token in fresh.items()]
        assert await realm.change(start, end, *changes, since=since)
        self.mark = max(self.mark, end)


async def test_offers_reads_and_changes_side_by_side_leave_no_old_copy(realm: Realm) -> None:
    await realm.followed()

    async def write(number: int) -> None:
        await realm.offer("a", number, number)
        await realm.get("a")

    async def follow() -> None:
        for number in range(1, 50):
            await realm.change(number - 1, number, change("a", number))

    await asyncio.gather(follow(), *map(write, range(1, 50)))
    held = await realm.get("a")
    assert held in (None, Held(49, b"x"))


async def test_a_client_that_is_too_late_with_its_first_call_is_ready_for_the_next(realm: Realm) -> None:
    """One of a cluster looks for its nodes first, which may take longer than any call may."""
    await realm.followed()
    tier = RedisTier(realm.reading, within=1e-9)
    assert await tier.get(shard(), "a") is None
    await asyncio.wait(tier._asking)
    assert tier.counts.failures == 1
    if isinstance(realm.reading, RedisCluster):
        assert len(realm.reading.get_nodes()) == 3

"""Watching: everything once, in order, from any place, whatever the pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from api.errors import ApiError
from api.subscriptions import look_ups, replay
from api.subscriptions.follow import ROW
from api.subscriptions.hub import HubLimits
from api.subscriptions.types import DeadlockBroken, LockEvent, LockUpdate
from streams.domain.locks.state import Lock
from streams.projections.locks.stood import NOBODY, StoodAt
from tests.unit.api_subscriptions.world import TENANT, Logs, Node, Watcher, settle


def places(items: list[LockEvent]) -> list[tuple[Any, int, int]]:
    return [(item.position.partition, item.position.offset, item.index) for item in items]


def shown(item: LockUpdate) -> tuple[str, list[int], list[int]]:
    state = item.state
    return (
        str(state.mode),
        [int(one.token) for one in state.holders],
        [int(one.ticket) for one in state.waiters],
    )


def state_of(lock: Lock) -> tuple[str, list[int], list[int]]:
    mode = lock.holders[0].mode if lock.holders else "FREE"
    return mode, [one.token for one in lock.holders], [one.ticket for one in lock.waiters]


@pytest_asyncio.fixture
async def logs() -> Logs:
    return Logs(3)


@pytest_asyncio.fixture
async def node(logs: Logs) -> AsyncIterator[Node]:
    running = await Node(logs).start()
    await running.catch_up()
    yield running
    await running.stop()


def events(
    node: Node, after: str | None = None, *, name: str | None = None, prefix: str | None = None
) -> Watcher:
    return Watcher().watch(node.live.lock_events(TENANT, name, prefix, after))


async def test_a_watcher_gets_what_happens_from_now_on_and_nothing_else(logs: Logs, node: Node) -> None:
    logs.toggle("a")
    await node.catch_up()
    before = len(logs.happened)
    watcher = events(node, name="a")
    watcher.allow(10)
    await settle()
    for name in ("a", "b", "a"):
        logs.toggle(name)
    logs.toggle("a", tenant="other")
    await node.catch_up()
    await settle()
    wanted = [one for one in logs.happened[before:] if (one.tenant, one.name) == (TENANT, "a")]
    assert places(watcher.items) == [(one.where, one.offset, one.index) for one in wanted]
    assert [type(item).__name__ for item in watcher.items] == ["LockReleasedEvent", "LockGrantedEvent"]
    await watcher.leave()


async def test_an_item_says_who_asked_why_and_where(logs: Logs, node: Node) -> None:
    watcher = events(node, name="a")
    watcher.allow(10)
    await settle()
    logs.toggle("a", "first")
    logs.toggle("a", "second")
    logs.toggle("a", "first")
    await node.catch_up()
    got = await watcher.got(4)
    told = [(type(item).__name__, item.command, item.by and item.by.client) for item in got]
    assert told == [
        ("LockGrantedEvent", "AcquireLock", "first"),
        ("LockWaitStartedEvent", "AcquireLock", "second"),
        ("LockReleasedEvent", "ReleaseLock", "first"),
        ("LockGrantedEvent", "ReleaseLock", "first"),
    ]
    assert got[3].holder.client == "second"
    assert "next in line" in got[3].why
    assert [item.index for item in got[2:]] == [0, 1]
    assert got[2].position == got[3].position
    await watcher.leave()


async def test_a_prefix_takes_in_all_partitions_and_no_other_tenant(logs: Logs, node: Node) -> None:
    watcher, all_of_them = events(node, prefix="orders/"), events(node, prefix="")
    for one in (watcher, all_of_them):
        one.allow(100)
    await settle()
    for number in range(12):
        logs.toggle(f"orders/{number}")
        logs.toggle(f"order{number}")
        logs.toggle(f"orders/{number}", tenant="other")
    await node.catch_up()
    await settle()
    mine = logs.expected(lambda one: one.tenant == TENANT and one.name.startswith("orders/"))
    assert sorted(places(watcher.items), key=str) == sorted(mine, key=str)
    assert len({where for where, _, _ in mine}) == 3
    assert len(all_of_them.items) == 24
    for one in (watcher, all_of_them):
        await one.leave()


@pytest.mark.parametrize("ring_bytes", [1 << 20, 600, 0], ids=["ring", "ring-and-log", "log"])
async def test_every_cursor_of_a_stream_resumes_right_behind_it_on_another_node(
    logs: Logs, ring_bytes: int
) -> None:
    for number in range(14):
        logs.commit(("a", "x/1"), ("b", "x/1"), ("c", "x/1"))
        logs.toggle(f"x/{number}", "b")
        if number == 7:
            for where in logs.wheres:
                logs.mark(where)
    first, second = await Node(logs).start(), await Node(logs, ring_bytes=ring_bytes).start()
    start = first.codec.seal(TENANT, dict.fromkeys(logs.wheres, (0, 0)))
    for each in (first, second):
        await each.catch_up()
    whole = events(first, start, prefix="x/")
    items = await whole.got(len(logs.expected(lambda one: one.tenant == TENANT)))
    await whole.leave()
    every = {
        where: [one for one in logs.expected(lambda one: True) if one[0] == where] for where in logs.wheres
    }
    for cut in range(len(items)):
        resumed = events(second, items[cut].cursor, prefix="x/")
        rest = await resumed.got(len(items) - cut - 1)
        await resumed.leave()
        seen = places(items[: cut + 1]) + places(rest)
        assert {where: [one for one in seen if one[0] == where] for where in logs.wheres} == every
    for each in (first, second):
        await each.stop()


async def test_a_lock_comes_as_the_read_model_has_it_and_goes_on_right_behind(logs: Logs, node: Node) -> None:
    for client in "abab":
        logs.toggle("a", client)
    where = logs.where("a")
    node.projected.at[where] = len(logs.topics[where].records) - 2
    await node.catch_up()
    watcher = Watcher().watch(node.live.lock(TENANT, "a", None))
    await watcher.got(3)
    logs.toggle("a", "c")
    await node.catch_up()
    items = await watcher.got(4)
    decided = [one for one in logs.happened if one.last]
    assert [shown(item) for item in items] == [state_of(one.after) for one in decided[-4:]]
    assert items[0].position.offset == node.projected.at[where] - 1
    assert items[0].events == []
    assert [item.position.offset for item in items[1:]] == [one.offset for one in decided[-3:]]
    await watcher.leave()


async def test_who_waits_for_a_read_model_that_hangs_is_told_so(
    logs: Logs, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = asyncio.Event()

    async def hang(*_: object) -> StoodAt:
        await hanging.wait()
        return StoodAt(0, 0, NOBODY)

    monkeypatch.setattr(look_ups, "WAIT_S", 0.01)
    monkeypatch.setattr(node.projected, "stood", hang)
    watchers = [Watcher().watch(node.live.lock(TENANT, "a", None)) for _ in range(look_ups.AT_A_TIME)]
    for one in watchers:
        one.allow(1)
    await settle()
    assert await Watcher().watch(node.live.lock(TENANT, "a", None)).ended() == "READS_UNAVAILABLE"
    hanging.set()
    for one in watchers:
        assert len(await one.got(1)) == 1
        await one.leave()
    late = Watcher().watch(node.live.lock(TENANT, "a", None))
    assert len(await late.got(1)) == 1
    await late.leave()


async def test_a_read_model_ahead_of_the_tail_repeats_nothing(logs: Logs, node: Node) -> None:
    for client in "abab":
        logs.toggle("a", client)
    where = logs.where("a")
    node.projected.at[where] = len(logs.topics[where].records)
    watcher = Watcher().watch(node.live.lock(TENANT, "a", None))
    await watcher.got(1)
    logs.toggle("a", "c")
    await node.catch_up()
    items = await watcher.got(2)
    decided = [one for one in logs.happened if one.last]
    assert [shown(item) for item in items] == [state_of(one.after) for one in decided[-2:]]
    await watcher.leave()


@pytest.mark.parametrize("projected", [0, 4, 100])
async def test_a_lock_resumes_with_each_change_behind_its_cursor_wherever_the_read_model_is(
    logs: Logs, node: Node, projected: int
) -> None:
    for number in range(9):
        logs.toggle("a", "abc"[number % 3])
    where = logs.where("a")
    decided = [one for one in logs.happened if one.last]
    await node.catch_up()
    whole = Watcher().watch(node.live.lock(TENANT, "a", None))
    items = (await whole.got(1 + len(decided)))[1:]
    node.projected.at[where] = min(projected, len(logs.topics[where].records))
    for cut, item in enumerate(items):
        resumed = Watcher().watch(node.live.lock(TENANT, "a", item.cursor))
        rest = await resumed.got(len(items) - cut - 1)
        assert [shown(one) for one in rest] == [state_of(one.after) for one in decided[cut + 1 :]]
        await resumed.leave()
    await whole.leave()


async def test_watchers_of_one_lock_share_what_is_sent(logs: Logs, node: Node) -> None:
    watchers = [events(node, name="a") for _ in range(3)]
    states = [Watcher().watch(node.live.lock(TENANT, "a", None)) for _ in range(3)]
    for one in watchers + states:
        one.allow(10)
    await settle()
    for _ in range(3):
        logs.toggle("a")
        await node.catch_up()
        await settle()
    assert len({id(one.items[-1]) for one in watchers}) == 1
    assert len({id(one.items[-1]) for one in states}) == 1
    for one in watchers + states:
        await one.leave()


async def test_deadlocks_come_with_victim_and_cycle(logs: Logs, node: Node) -> None:
    watcher = Watcher().watch(node.live.deadlocks(TENANT, None))
    watcher.allow(10)
    await settle()
    for tenant in (TENANT, "other"):
        logs.toggle("a", "holder", tenant=tenant)
        logs.toggle("a", "victim", tenant=tenant)
        logs.deadlock("a", "victim", tenant=tenant)
    await node.catch_up()
    await settle()
    (item,) = watcher.items
    assert isinstance(item, DeadlockBroken)
    assert (item.name, item.victim.client, [edge.lock for edge in item.cycle]) == (
        "a",
        "victim",
        ["a", "other"],
    )
    resumed = Watcher().watch(node.live.deadlocks(TENANT, item.cursor))
    resumed.allow(10)
    logs.toggle("b", "holder")
    logs.toggle("b", "victim")
    logs.deadlock("b", "victim")
    await node.catch_up()
    assert [one.name for one in await resumed.got(1)] == ["b"]
    for one in (watcher, resumed):
        await one.leave()


async def test_who_reads_too_slowly_is_ended_with_the_cursor_that_goes_on(logs: Logs) -> None:
    node = await Node(logs, queue=4).start()
    await node.catch_up()
    slow, fast = events(node, name="a"), events(node, name="a")
    fast.allow(100)
    slow.allow(2)
    await settle()
    for _ in range(8):
        logs.toggle("a")
        await node.catch_up()
        await settle()
    assert await slow.ended() == "SUBSCRIBER_TOO_SLOW"
    assert len(slow.items) == 2
    assert slow.cursor == slow.items[-1].cursor
    resumed = events(node, slow.cursor, name="a")
    await resumed.got(6)
    assert places(slow.items + resumed.items) == places(fast.items)
    for one in (fast, resumed):
        await one.leave()
    await node.stop()


async def test_who_resumes_far_back_is_read_to_at_its_own_pace(logs: Logs) -> None:
    node = await Node(logs, queue=4, ring_bytes=0).start()
    await node.catch_up()
    begin = node.codec.seal(TENANT, {logs.where("a"): (0, 0)})
    for _ in range(40):
        logs.toggle("a")
    await node.catch_up()
    watcher = events(node, begin, name="a")
    for count in range(1, 41):
        assert len(await watcher.got(count)) >= count
    assert places(watcher.items) == logs.expected(lambda one: True)
    await watcher.leave()
    await node.stop()


@pytest.mark.parametrize("ring_bytes", [0, 2**20], ids=["log", "ring"])
async def test_who_is_far_behind_lets_others_have_their_turn(logs: Logs, ring_bytes: int) -> None:
    node = await Node(logs, ring_bytes=ring_bytes).start()
    await node.catch_up()
    begin = node.codec.seal(TENANT, {logs.where("a"): (0, 0)})
    for _ in range(200):
        logs.toggle("a")
    await node.catch_up()
    watcher = events(node, begin, name="a")
    watcher.allow(200)
    async with asyncio.timeout(30):
        while len(watcher.items) < 200:
            had = len(watcher.items)
            await asyncio.sleep(0)
            assert len(watcher.items) - had <= ROW
    await watcher.leave()
    await node.stop()


@pytest.mark.parametrize("together", [True, False], ids=["read together", "one after the other"])
async def test_who_keeps_a_reader_of_the_log_waiting_loses_it_to_others(
    logs: Logs, together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "TURN_BYTES", 1)
    node = await Node(logs, ring_bytes=0, readers=1).start()
    await node.catch_up()
    begin = node.codec.seal(TENANT, {logs.where("a"): (0, 0)})
    for _ in range(20):
        logs.toggle("a")
    await node.catch_up()
    stuck = events(node, begin, name="a")
    if not together:
        await stuck.got(1)
    other = events(node, begin, name="a")
    assert len(await other.got(20)) == 20
    assert len(stuck.items) <= 1
    assert places(await stuck.got(20)) == places(other.items)
    for one in (stuck, other):
        await one.leave()
    await node.stop()


async def test_who_resumes_with_many_is_read_to_with_them(logs: Logs) -> None:
    node = await Node(logs, ring_bytes=0, readers=2).start()
    await node.catch_up()
    for _ in range(30):
        logs.toggle("a")
        logs.toggle("b")
    await node.catch_up()
    begin = {name: node.codec.seal(TENANT, {logs.where(name): (0, 0)}) for name in "ab"}
    several = [events(node, begin[name], name=name) for _ in range(100) for name in "ab"]
    for one in several:
        one.allow(30)
    due = [logs.expected(lambda one: one.name == "a"), logs.expected(lambda one: one.name == "b")]
    for number, one in enumerate(several):
        assert places(await one.got(30)) == due[number % 2]
    assert node.replays.scans <= 4, "two that come first have nobody to go with"
    for one in several:
        await one.leave()
    await node.stop()


async def test_who_leaves_does_not_end_what_is_read_for_others_too(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "TURN_BYTES", 1)
    node = await Node(logs, ring_bytes=0, readers=1).start()
    await node.catch_up()
    begin = node.codec.seal(TENANT, {logs.where("a"): (0, 0)})
    for _ in range(20):
        logs.toggle("a")
    await node.catch_up()
    first, second, waits = (events(node, begin, name="a") for _ in range(3))
    first.allow(1)
    second.allow(20)
    await settle(5)
    for one in (first, waits):
        await one.leave()
    assert places(await second.got(20)) == logs.expected(lambda one: True)
    await second.leave()
    await node.stop()


async def test_a_log_that_goes_away_is_read_on_where_it_stopped(logs: Logs, node: Node) -> None:
    watcher = events(node, name="a")
    watcher.allow(10)
    await settle()
    logs.toggle("a")
    await node.catch_up()
    node.steered.cut()
    logs.toggle("a")
    node.steered.cut()
    logs.void(logs.where("a"))
    logs.toggle("a")
    await node.catch_up()
    await settle()
    assert places(watcher.items) == logs.expected(lambda one: True)
    await watcher.leave()


async def test_a_node_that_stops_ends_everybody_with_a_cursor(logs: Logs, node: Node) -> None:
    from api.subscriptions.errors import ServerStopping

    watchers = [
        events(node, name="a"),
        events(node, prefix=""),
        Watcher().watch(node.live.lock(TENANT, "a", None)),
    ]
    for one in watchers:
        one.allow(1)
    await settle()
    node.hub.close(lambda cursor: ServerStopping("This node ends.", cursor))
    for one in watchers:
        assert await one.ended() == "SERVER_STOPPING"
        assert one.cursor is not None
    late = events(node, name="a")
    assert await late.ended() == "SERVER_STOPPING"


async def test_a_partition_that_cannot_be_read_on_ends_its_watchers_alone(logs: Logs, node: Node) -> None:
    names = {logs.where(name): name for name in "abcdefghij"}
    broken, sound = logs.wheres[0], logs.wheres[1]
    ill, well = events(node, name=names[broken]), events(node, name=names[sound])
    for one in (ill, well):
        one.allow(10)
    await settle()
    del logs.topics[broken].records[1]
    node.steered.at[broken] -= 1
    logs.toggle(names[broken])
    logs.toggle(names[broken])
    node.steered.step(broken, 10)
    assert await ill.ended() == "LOG_HALTED"
    assert await events(node, name=names[broken]).ended() == "LOG_HALTED"
    logs.toggle(names[sound])
    node.steered.step(sound, 10)
    assert len(await well.got(1)) == 1
    await well.leave()


async def test_cursors_that_do_not_fit_are_refused_by_code(logs: Logs, node: Node) -> None:
    where = logs.where("a")
    other = next(name for name in "bcdefgh" if logs.where(name) != where)
    end = len(logs.topics[where].records)
    ahead = node.codec.seal(TENANT, {where: (end + 1, 0)})
    cursor = node.codec.seal(TENANT, {where: (end, 0)})
    assert await events(node, ahead, name="a").ended() == "CURSOR_AHEAD"
    assert await events(node, cursor, name=other).ended() == "CURSOR_INVALID"
    assert await events(node, cursor, prefix="").ended() == "CURSOR_INVALID"
    assert await events(node, cursor[:-2], name="a").ended() == "CURSOR_INVALID"
    assert (
        await events(node, node.codec.seal("other", {where: (end, 0)}), name="a").ended() == "CURSOR_INVALID"
    )
    assert await Watcher().watch(node.live.lock(TENANT, "a", ahead)).ended() == "CURSOR_AHEAD"


async def test_a_cursor_a_little_ahead_is_waited_for(logs: Logs, node: Node) -> None:
    where = logs.where("a")
    logs.toggle("a")
    ahead = node.codec.seal(TENANT, {where: (len(logs.topics[where].records), 0)})
    watcher = events(node, ahead, name="a")
    await settle()
    logs.toggle("a")
    await node.catch_up()
    assert places(await watcher.got(1)) == logs.expected(lambda one: True)[1:]
    await watcher.leave()


async def test_nothing_is_kept_of_who_waited_ahead_and_left(logs: Logs, node: Node) -> None:
    where = logs.where("a")
    watcher = events(node, node.codec.seal(TENANT, {where: (1_000_000, 0)}), name="a")
    await settle()
    await watcher.leave()
    assert not node.hub.lanes[where].awaited


async def test_a_cursor_below_the_oldest_record_has_expired(logs: Logs) -> None:
    from storage.memory.log import MemoryTopic

    class Trimmed(MemoryTopic):
        async def bounds(self) -> tuple[int, int]:
            return 3, len(self.records)

    for topic in logs.topics.values():
        topic.__class__ = Trimmed
    for _ in range(6):
        logs.toggle("a")
    where = logs.where("a")
    node = await Node(logs, ring_bytes=0).start()
    await node.catch_up()
    logs.mark(where)
    logs.toggle("a")
    logs.toggle("a")
    await node.catch_up()
    marked = logs.marks[where][-1].next_offset
    cursors = [node.codec.seal(TENANT, {where: (offset, 0)}) for offset in (2, 0, marked, 2)]
    expired, older, sound, alike = (events(node, cursor, name="a") for cursor in cursors)
    for one in (expired, older, alike):
        assert await one.ended() == "CURSOR_EXPIRED"
    assert len(await sound.got(2)) == 2
    await sound.leave()
    await node.stop()


async def test_nonsense_is_refused_by_code(logs: Logs, node: Node) -> None:
    assert await events(node).ended() == "BAD_ARGUMENT"
    assert await events(node, name="a", prefix="a").ended() == "BAD_ARGUMENT"
    assert await events(node, name="").ended() == "BAD_NAME"
    assert await events(node, prefix="x" * 600).ended() == "BAD_ARGUMENT"


async def test_a_process_serves_so_many_subscriptions_and_counts_those_that_left(
    logs: Logs, node: Node
) -> None:
    node.hub.limits = HubLimits(subscriptions=2)
    watchers = [events(node, name="a"), events(node, prefix="")]
    for one in watchers:
        one.allow(1)
    await settle()
    assert await events(node, name="b").ended() == "TOO_MANY_SUBSCRIPTIONS"
    await watchers[0].leave()
    late = events(node, name="b")
    late.allow(1)
    await settle()
    assert node.hub.subscriptions == 2
    for one in (late, watchers[1]):
        await one.leave()
    assert node.hub.subscriptions == 0


async def test_a_node_that_has_not_found_the_logs_says_so(logs: Logs) -> None:
    node = Node(logs)
    with pytest.raises(ApiError) as refused:
        await anext(node.live.deadlocks(TENANT, None))
    assert (refused.value.extensions or {})["code"] == "LOG_UNAVAILABLE"

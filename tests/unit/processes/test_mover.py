"""The mover: each message gets to its target once, whatever is refused, and waits where waiting helps."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streams.domain.queues import commands as c
from streams.domain.queues.limits import MAX_HOPS
from streams.domain.queues.settings import QueueRoute
from streams.processes import follower
from streams.processes.mover import pauses
from streams.processes.mover import process as shell
from streams.processes.mover.process import MoverProcess
from tests.property.processes.mover_world import News, World, mover
from tests.unit.replay.queue_logbook import settings

PATIENCE_S = 10.0


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "RETRY_S", 0.0)
    monkeypatch.setattr(shell, "HOLD_BACK_S", 0.0)
    monkeypatch.setattr(pauses, "FIRST_PAUSE_S", 0.001)


@asynccontextmanager
async def running(*movers: MoverProcess) -> AsyncIterator[None]:
    """Run movers meanwhile."""
    tasks = [asyncio.create_task(each.run()) for each in movers]
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it; `running` bounds how long."""
    while not condition():
        await asyncio.sleep(0)


def states(world: World, name: str) -> list[str]:
    return [peeked.state for peeked, _ in world.standing(name)]


def with_dead_letters(count: int, target: str | None = "dead", **changes: Any) -> World:
    """A queue of which so many messages are on their way to `dead`."""
    world = World()
    world.create("orders", max_attempts=1, dead_letter_queue=target)
    if target is not None:
        world.create(target, **changes)
    if count:
        world.enqueue("orders", *[f"{number}".encode() for number in range(count)])
        world.kill("orders", count)
    return world


async def moved(world: World, *, left: int = 0) -> tuple[MoverProcess, News]:
    """Have one mover work until nothing moves any more, and it knows; so many messages are left in `orders`."""
    one, news = mover(world)
    async with running(one):
        await until(lambda: not world.moving("orders") and one.state.moving == 0)
    assert len(world.found("orders")) == left
    return one, news


async def test_dead_letters_arrive_in_order_with_where_they_come_from() -> None:
    world = with_dead_letters(250)
    await moved(world)
    found = world.found("dead")
    assert [body.payload for body in found] == [f"{number}".encode() for number in range(250)]
    assert found[6].origin == c.Origin("orders", "0.1.7", "no", 1, hops=1)
    assert world.book.verified().violations == []


async def test_a_message_without_anything_in_it_arrives_too() -> None:
    world = World()
    world.create("orders", max_attempts=1, dead_letter_queue="dead", default_priority=0)
    world.create("dead")
    world.enqueue("orders", b"")
    world.kill("orders", 1)
    await moved(world)
    assert [body.payload for body in world.found("dead")] == [b""]


async def test_a_target_that_is_not_there_makes_them_dead_letters_here_with_the_reason() -> None:
    world = with_dead_letters(3)
    world.do(c.DeleteQueue("dead", 0, True))
    await moved(world, left=3)
    standing = world.standing("orders")
    assert {peeked.state for peeked, _ in standing} == {"DEAD"}
    assert standing[0][0].reason.startswith("QUEUE_UNKNOWN (dead): ")


async def test_a_redrive_into_a_deleted_queue_ends_here_and_can_be_made_good() -> None:
    world = with_dead_letters(2, target=None)
    world.do(c.RedriveMessages("orders", 0, "", (), None, None, "gone", 10, False))
    await moved(world, left=2)
    assert states(world, "orders") == ["DEAD", "DEAD"]
    world.create("gone")
    world.do(c.RedriveMessages("orders", 0, "", (), None, None, "gone", 10, False))
    await moved(world)
    assert states(world, "gone") == ["READY", "READY"]


async def test_a_broadcast_queue_that_would_keep_them_for_nobody_gets_none() -> None:
    world = with_dead_letters(3, broadcast=True)
    await moved(world, left=3)
    assert world.standing("orders")[0][0].reason.startswith("NO_SUBSCRIPTIONS (dead): ")


async def test_one_that_is_too_large_for_its_target_fails_and_the_others_go() -> None:
    world = with_dead_letters(9, max_payload_bytes=1)
    world.enqueue("orders", b"10", b"11")
    world.kill("orders", 2)
    await moved(world, left=2)
    assert [body.payload for body in world.found("orders")] == [b"10", b"11"]
    assert "PAYLOAD_TOO_LARGE (dead)" in world.standing("orders")[0][0].reason
    assert len(world.found("dead")) == 9


@pytest.mark.parametrize(
    ("target", "code"), [({"max_bytes": 1}, "PAYLOAD_TOO_LARGE"), ({"broadcast": True}, "NO_SUBSCRIPTIONS")]
)
async def test_what_its_target_could_never_keep_stays_here(target: dict[str, Any], code: str) -> None:
    world = with_dead_letters(0, **target)
    world.enqueue("orders", b"10", b"11")
    world.kill("orders", 2)
    await moved(world, left=2)
    assert states(world, "orders") == ["DEAD", "DEAD"]
    assert all(peeked.reason.startswith(f"{code} (dead): ") for peeked, _ in world.standing("orders"))


async def test_dead_letter_queues_that_lead_in_a_circle_are_left_after_eight_moves() -> None:
    world = World()
    ring = {"a": "b", "b": "c", "c": "a"}
    for queue, target in ring.items():
        world.create(queue, max_attempts=1, dead_letter_queue=target)
    world.enqueue("a", b"1")
    one, _ = mover(world)
    here = "a"
    async with running(one):
        for _ in range(MAX_HOPS):
            world.kill(here, 1)
            here = ring[here]
            await until(lambda: bool(world.found(here)))  # noqa: B023
        world.kill(here, 1)
        await until(lambda: one.state.moving == 0 and states(world, here) == ["DEAD"])
        assert world.standing(here)[0][0].reason.startswith(f"DEAD_LETTER_LOOP ({ring[here]}): ")
        world.do(c.RedriveMessages(here, 0, "", (), None, None, "a", 10, False))
        await until(lambda: bool(world.found("a")))
    assert states(world, "a") == ["READY"]
    assert world.book.verified().violations == []


async def test_queues_that_overflow_into_each_other_come_to_rest() -> None:
    world, depth = World(), 5
    for queue, target in (("a", "b"), ("b", "a")):
        world.create(queue, dead_letter_queue=target, max_depth=depth, overflow="DEAD_LETTER_OLDEST")
        world.enqueue(queue, *[b"x"] * depth)
    world.enqueue("a", b"x")
    one, _ = mover(world)
    async with running(one):
        await until(lambda: not world.moving("a") and not world.moving("b"))
    found = world.found("a") + world.found("b")
    assert len(found) == 2 * depth + 1
    assert [body.origin.hops for body in found if body.origin is not None] == [MAX_HOPS] * len(found)
    assert "DEAD" in states(world, "a") + states(world, "b")


async def test_a_full_target_is_waited_for_visibly_and_others_are_not() -> None:
    world = with_dead_letters(30, max_depth=20)
    world.create("free")
    world.create("letters", max_attempts=1)
    world.enqueue("letters", b"a")
    world.kill("letters", 1)
    one, news = mover(world)
    async with running(one):
        await until(lambda: len(world.found("dead")) == 20 and bool(one.state.paused))
        ((name, pause),) = one.state.paused
        assert (name, pause.code, one.state.moving) == ("dead", "QUEUE_FULL", 10)
        world.do(c.RedriveMessages("letters", 0, "", (), None, None, "free", 10, False))
        await until(lambda: len(world.found("free")) == 1)
        world.do(c.ReceiveMessages("dead", 0, "", 1, 0, 0))
        world.do(c.ConfigureQueue("dead", 0, settings(max_depth=100), 0))
        await until(lambda: one.state.moving == 0)
    assert len(world.found("dead")) == 30
    assert set(news.troubles) == {"QUEUE_FULL"}
    assert one.state.paused == ()


async def test_messages_find_their_shards_and_follow_a_changed_route() -> None:
    world = World()
    world.create("orders", max_attempts=1, dead_letter_queue="dead")
    world.create("dead", shards=3)
    for group in range(30):
        world.enqueue("orders", b"1", b"2", group=f"g{group}")
    for _ in range(2):
        world.kill("orders", 30)
    one, _ = mover(world)
    names = ["dead", "dead#1", "dead#2"]
    async with running(one):
        await until(lambda: not world.found("orders"))
        for shard in (1, 2, 0):
            world.do(c.RouteQueue("dead", shard, QueueRoute(2, 2, 3)))
        world.enqueue("orders", b"3", group="g1")
        world.kill("orders", 1)
        await until(lambda: not world.found("orders"))
    homes: dict[str | None, list[tuple[str, bytes]]] = {}
    for name in names:
        for body in world.found(name):
            homes.setdefault(body.group, []).append((name, body.payload))
    assert len(homes) == 30
    assert len({name for places in homes.values() for name, _ in places}) == 3
    for places in homes.values():
        assert len({name for name, _ in places}) == 1
        assert [payload for _, payload in places][:2] == [b"1", b"2"]


async def test_a_shard_that_whoever_resized_did_not_reach_is_told_the_route() -> None:
    world = World()
    world.create("orders", max_attempts=1, dead_letter_queue="dead")
    world.create("dead", shards=2)
    for group in range(20):
        world.enqueue("orders", b"1", group=f"g{group}")
    world.kill("orders", 20)
    newest = QueueRoute(2, 1, 2)
    world.do(c.RouteQueue("dead", 0, newest))
    await moved(world)
    assert world.state("dead#1").route == newest
    assert len(world.found("dead") + world.found("dead#1")) == 20


async def test_each_subscription_of_a_broadcast_queue_moves_its_own() -> None:
    world = World()
    world.create("news", max_attempts=1, dead_letter_queue="dead", broadcast=True)
    world.create("dead")
    for name in ("a", "b"):
        world.do(c.AddSubscription("news", 0, name))
    world.enqueue("news", b"1")
    for name in ("a", "b"):
        got = world.do(c.ReceiveMessages("news", 0, name, 1, 0, 0))
        world.do(c.NackMessages("news", 0, name, (c.Receipt(1, got.token),), -1, name, False))
    one, _ = mover(world)
    async with running(one):
        await until(lambda: not world.state("news").messages)
    origins = [body.origin for body in world.found("dead")]
    assert sorted(origin.reason for origin in origins if origin is not None) == ["a", "b"]


async def test_what_a_mover_left_behind_is_found_in_the_log_and_not_enqueued_twice() -> None:
    world = with_dead_letters(5, dedup_window_ms=0)
    killed, news = mover(world, "killed", mute=True)
    async with running(killed):
        await until(lambda: bool(news.troubles))
    assert (len(world.found("orders")), len(world.found("dead"))) == (5, 5)
    await moved(world)
    assert len(world.found("dead")) == 5


async def test_a_source_that_is_deleted_meanwhile_has_nothing_left_to_move() -> None:
    world = with_dead_letters(5, max_depth=3)
    one, _ = mover(world)
    async with running(one):
        await until(lambda: bool(one.state.paused))
        world.do(c.DeleteQueue("orders", 0, True))
        await until(lambda: one.state.moving == 0 and one.state.paused == ())
    assert not one.moves.lanes()


async def test_the_queues_of_another_tenant_are_none_of_its_business() -> None:
    world = with_dead_letters(1)
    one, _ = mover(world)
    one._own = "other/"
    reader = next(iter(one.readers.values()))
    async with running(one):
        await until(lambda: reader.next_offset == len(world.book.records))
        assert one.state.moving == 0

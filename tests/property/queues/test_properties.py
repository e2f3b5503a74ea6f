"""Any commands at any times: the shard does what the oracle foretells, and its log folds to what it was."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.queues.commands import NewMessage
from streams.domain.queues.events import MessagesMoved
from tests.property.queues.world import World
from tests.unit.queues.spec import SETTINGS, new

SMALL = replace(
    SETTINGS,
    lease_ms=100,
    backoff_min_ms=20,
    backoff_max_ms=60,
    jitter=50,
    dedup_window_ms=150,
    max_attempts=2,
)
messages = st.builds(
    lambda payload, group, priority, delay_ms, dedup_id: new(
        payload, group=group, priority=priority, delay_ms=delay_ms, dedup_id=dedup_id
    ),
    st.binary(max_size=3),
    st.sampled_from([None, None, "a", "b"]),
    st.sampled_from([-1, 0, 5, 9]),
    st.sampled_from([0, 0, 0, 7, 60]),
    st.sampled_from([None, None, None, "x", "y"]),
)
names = st.integers(0, 1)
some = st.integers(0, 30)
steps = st.one_of(
    st.tuples(st.just("put"), st.lists(messages, min_size=1, max_size=4)),
    st.tuples(st.just("receive"), names, st.integers(1, 4), st.sampled_from([0, 0, 50])),
    st.tuples(st.just("receive"), names, st.integers(1, 4), st.just(0)),
    st.tuples(st.just("finish"), some, st.sampled_from(["ack", "extend", "return"])),
    st.tuples(st.just("finish"), some, st.just("nack"), st.sampled_from([-1, 0, 9])),
    st.tuples(st.just("pass_time"), st.integers(1, 120)),
    st.tuples(st.just("withdraw"), names, st.integers(0, 5)),
    st.tuples(st.just("redrive"), names, st.sampled_from([None, "a"]), st.sampled_from([None, "far"])),
    st.tuples(st.just("purge"), names, st.sampled_from(["READY", "DELAYED", "DEAD"]), st.integers(1, 3)),
    st.tuples(st.just("move"), names, st.booleans()),
    st.tuples(st.just("configure"), st.booleans(), st.sampled_from([0, 15]), st.sampled_from([None, "dead"])),
)
LONG = st.lists(steps, min_size=20, max_size=60)
EXAMPLES = settings(max_examples=150, deadline=None)


def run(world: World, history: list[Any]) -> None:
    subscriptions = list(world.models)
    for verb, *args in history:
        if verb == "put":
            put: tuple[NewMessage, ...] = tuple(args[0])
            world.put(put)
        elif verb == "configure":
            world.configure(paused=args[0], aging_ms=args[1], dead_letter_queue=args[2])
        else:
            if verb in ("receive", "withdraw", "redrive", "purge", "move"):
                args[0] = subscriptions[args[0] % len(subscriptions)]
            getattr(world, verb)(*args)
        world.check()


@EXAMPLES
@given(LONG, st.sampled_from([0, 15]), st.integers(1, 2))
def test_a_queue_does_what_the_oracle_foretells(history: list[Any], aging_ms: int, attempts: int) -> None:
    world = World(replace(SMALL, aging_ms=aging_ms, max_attempts=attempts))
    run(world, history)
    world.check_replay()


@EXAMPLES
@given(LONG)
def test_each_subscription_of_a_broadcast_is_a_queue_of_its_own(history: list[Any]) -> None:
    world = World(replace(SMALL, broadcast=True), ("one", "two"))
    run(world, history)
    world.check_replay()


@EXAMPLES
@given(LONG)
def test_nothing_is_lost_and_everything_comes_to_an_end(history: list[Any]) -> None:
    world = World(SMALL)
    run(world, history)
    world.configure(paused=False, aging_ms=0, dead_letter_queue=None)
    world.check()
    model = world.models[""]
    for _ in range(3 * len(model.messages) + 1):
        world.receive("", 4, 0)
        for index in range(len(world.receipts)):
            world.finish(index, "ack")
        world.check()
        world.pass_time(500)
    assert world.models[""].counts() | {"DEAD": 0, "MOVING": 0} == dict.fromkeys(world.models[""].counts(), 0)
    put = world.queue.next_message - 1
    ended = {number for _, number in world.done}
    assert len(ended) + len(world.models[""].messages) + sum(_moved(world)) == put


def _moved(world: World) -> list[int]:
    return [len(event.messages) for event in world.events if isinstance(event, MessagesMoved)]

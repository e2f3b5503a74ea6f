"""Whatever connections do, and resizes meanwhile: each put is in once, and groups keep their order."""

import asyncio
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.queues.commands import EnqueueMessages
from streams.domain.queues.events import MessagesEnqueued
from tests.unit.client.queues.server import QueueWorker
from tests.unit.client.worker import FakeClock, until
from tidelock.client.client import connect
from tidelock.client.queues.producer import Put

GROUPS = ("a", "b", "c", "d", "e")
actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from((*GROUPS, None))),
        st.tuples(st.just("large"), st.sampled_from(GROUPS)),
        st.tuples(st.sampled_from(("hold", "let", "forget", "pass")), st.none()),
        st.tuples(st.sampled_from(("resize", "resized")), st.integers(1, 5)),
    ),
    min_size=3,
    max_size=40,
)


@settings(max_examples=80)
@given(actions, st.integers(1, 4))
def test_each_put_is_in_once_and_in_order(script: list[tuple[str, object]], shards: int) -> None:
    asyncio.run(_play(script, shards))


async def _play(script: list[tuple[str, object]], shards: int) -> None:
    clock = FakeClock()
    worker = await QueueWorker(clock).start()
    client = await connect(worker.address, token="t", clock=clock)
    other = await connect(worker.address, token="t", clock=clock)
    queue = client.queue("q")
    await queue.create(shards=shards, dedup_window=0, max_payload=1_000)
    puts: list[asyncio.Task[Put]] = []
    resizes: list[asyncio.Task[object]] = []
    try:
        for number, (action, what) in enumerate(script):
            if action in ("put", "large"):
                payload = b"%d" % number if action == "put" else b"x" * 1_001
                puts.append(asyncio.create_task(queue.put(payload, group=what)))  # type: ignore[arg-type]
                await asyncio.sleep(0)
            elif action == "hold":
                worker.held = (EnqueueMessages,)
            elif action == "let":
                worker.let()
            elif action == "forget":
                worker.forget()
            elif action == "pass":
                await asyncio.sleep(0.001)
            else:
                resize = other.queue("q").resize(what, wait=False)  # type: ignore[arg-type]
                resizes.append(asyncio.create_task(resize))
                if action == "resized":
                    await until(resizes[-1].done, clock)
        worker.let()
        await until(lambda: all(each.done() for each in (*puts, *resizes)), clock)
        _check(script, worker, puts)
    finally:
        for task in (*puts, *resizes):
            task.cancel()
        await asyncio.gather(*puts, *resizes, return_exceptions=True)
        await client._session.close()
        await other._session.close()
        await worker.stop()


def _check(script: list[tuple[str, object]], worker: QueueWorker, puts: list[asyncio.Task[Put]]) -> None:
    wanted, found = defaultdict(list), defaultdict(list)
    asked = [
        (number, action, what) for number, (action, what) in enumerate(script) if action in ("put", "large")
    ]
    for (number, action, group), put in zip(asked, puts, strict=True):
        if action == "large":
            assert type(put.exception()).__name__ == "PayloadTooLarge"
        else:
            assert put.exception() is None
            wanted[group].append(b"%d" % number)
    places = defaultdict(set)
    for shard, event in worker.events:
        if isinstance(event, MessagesEnqueued):
            for message in event.messages:
                found[message.group].append(message.payload)
                places[message.group].add(shard)
    assert sorted(found.pop(None, [])) == sorted(wanted.pop(None, []))
    assert found == wanted
    assert all(len(places[group]) == 1 for group in found)  # nobody consumes, so no group may move

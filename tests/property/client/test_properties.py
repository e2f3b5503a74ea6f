"""What holds for all inputs: bytes, wheel, trust, and exactly one execution whatever the network does."""

import asyncio
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.messages import bind
from schemas.meta import CommandMeta
from streams.domain.locks.commands import AcquireLock, InspectLock, ReleaseLock, Transaction
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.replies import LockFreed
from tests.unit.client.worker import FakeClock, FakeWorker, Received
from tidelock.client.client import connect
from tidelock.client.codec import KindCodec, MetaWriter
from tidelock.client.partition import Partition
from tidelock.client.wheel import Wheel

CODEC = bind("locks", tuple(each.type for each in LOCKS.commands))
OURS = KindCodec(LOCKS)
label = st.text(max_size=70)
number = st.integers(0, 2**62)
commands = st.one_of(
    st.builds(
        AcquireLock,
        label,
        st.sampled_from(["EXCLUSIVE", "SHARED"]),
        number,
        number,
        st.integers(0, 9),
        number,
        st.none() | st.builds(Transaction, label, number),
    ),
    st.builds(ReleaseLock, label, number),
    st.builds(InspectLock, label),
)
metas = st.builds(
    CommandMeta, number, label, label, number, label, number, number, st.none() | label, st.none() | label
)


@given(metas, commands)
def test_a_command_in_two_parts_is_the_codecs_command(meta: CommandMeta, command: object) -> None:
    header, body = OURS.write(command)
    writer = MetaWriter(meta.tenant, meta.client)
    rest = writer.write(
        meta.sequence,
        meta.handle,
        meta.issued_ms,
        meta.deadline_ms,
        traceparent=meta.traceparent,
        session=meta.session,
    )
    whole = CODEC.encode_command(replace(meta, floor=0), command)
    assert header + b"\0" + rest + body == whole
    decoded, same = CODEC.decode_command(header + b"\0" + rest + body)
    assert (decoded, same) == (replace(meta, floor=0), command)


actions = st.lists(
    st.tuples(st.sampled_from("am"), st.integers(0, 5), st.floats(0, 3), st.floats(0, 1)), max_size=40
)


@given(actions)
def test_the_wheel_agrees_with_a_dictionary(actions: list[tuple[str, int, float, float]]) -> None:
    clock, fired, due = FakeClock(), [], {}
    wheel: Wheel[int] = Wheel(clock, 0.05, lambda item: fired.append((item, clock.time)))
    for action, item, delay, pause in actions:
        if action == "a":
            wheel.add(item, clock.time + delay)
            due[item] = clock.time + delay
        else:
            wheel.remove(item)
            due.pop(item, None)
        clock.turn(pause)
        for what, when in fired:
            assert due.pop(what) <= when
        fired.clear()
        assert all(when > clock.time - 0.051 for when in due.values())
        assert len(wheel) == len(due)


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=10),
    st.floats(-0.0099, 0.0099),
    st.integers(100, 100_000),
)
def test_trust_ends_before_the_lease(
    steps: list[tuple[float, float, float]], drift: float, ttl_ms: int
) -> None:
    """However late answers come, whatever the drift, and however long lease time stood still."""
    partition = Partition("locks", 0)
    real_s, lease_ms = 0.0, 1_000.0
    pairs_s = []
    for pause_s, decided_after_s, stood_s in steps:
        real_s += pause_s
        lease_ms += pause_s * 1000
        before_s = real_s * (1 + drift)
        real_s += decided_after_s + stood_s
        lease_ms += decided_after_s * 1000
        partition.saw_lease_time(round(lease_ms + 0.5), before_s)
        pairs_s.append(before_s)
    expires_ms = round(lease_ms) + ttl_ms
    really_over_s = real_s + (expires_ms - lease_ms) / 1000
    assert partition.trusted_until(expires_ms) <= really_over_s * (1 + drift) + 1e-6


faults = st.lists(st.sampled_from(["answer", "drop", "lose", "twice", "refuse", "redirect"]), max_size=25)


@settings(deadline=None, max_examples=60)
@given(faults)
def test_whatever_the_network_does_each_command_runs_once(faults: list[str]) -> None:
    asyncio.run(_each_once(faults))


async def _each_once(faults: list[str]) -> None:
    clock = FakeClock()
    workers = [await FakeWorker(clock).start() for _ in range(2)]
    executed: dict[int, LockFreed] = {}
    script = iter(faults)

    def took(received: Received) -> None:
        meta, fault = received.meta, next(script, "answer")
        if fault == "refuse":
            received.refuse("OVERLOADED", retry_after_ms=10)
        elif fault == "redirect":
            here = received.connection.worker
            received.refuse("NOT_OWNER", address=next(each for each in workers if each is not here).address)
        elif fault == "drop":
            received.connection.drop()
        else:
            assert meta.floor <= meta.sequence
            reply = executed.setdefault(meta.sequence, LockFreed(received.command.token))
            assert reply.token == received.command.token
            if fault == "lose":
                received.connection.drop()
            else:
                received.answer(reply)
            if fault == "twice":
                received.answer(reply)

    for worker in workers:
        worker.auto = took
    client = await connect(workers[0].address, clock=clock)
    asking = [
        asyncio.create_task(client.command("locks", ReleaseLock(f"n{n}", n), timeout=300)) for n in range(6)
    ]
    async with asyncio.timeout(20):
        while not all(each.done() for each in asking):
            clock.turn(0.01)
            await asyncio.sleep(0)
    assert [each.result().token for each in asking] == list(range(6))
    assert len(executed) == 6
    await client.close()
    for worker in workers:
        await worker.stop()

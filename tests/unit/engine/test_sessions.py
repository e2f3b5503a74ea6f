"""The end of a session on a running owner: everything it holds in the partition is let go, whoever owns it by then."""

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock, ReleaseLock
from streams.domain.locks.kind import LOCKS
from streams.domain.locks.replies import LockHeld
from streams.engine import timers
from streams.engine.outbox import Identity
from streams.engine.settings import OwnerSettings
from streams.log.fold import PartitionState
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from streams.wire.messages import Done, EndSession
from tests.unit.engine.harness import Broker, World, running, until

END = EndSession("locks", 0, "n1:7", "node n1 was silent")


def locks(broker: Broker | None = None) -> World:
    return World(Vocabulary(LOCKS), PartitionId("locks", 0), broker=broker)


def acquire(name: str, wait_ms: int = 0) -> AcquireLock:
    return AcquireLock(name, EXCLUSIVE, 60_000, wait_ms)


def held(world: World) -> set[str]:
    return {key for key, lock in world.owner.reader.state.keys.items() if lock.holders}


async def test_what_a_session_holds_is_released_and_goes_to_who_waits() -> None:
    async with running(locks()) as world:
        for number in range(600):
            await world.ask(acquire(f"k{number}"), session="n1:7")
        await world.ask(acquire("other"), session="n2:8", handle="o")
        waiting = world.send(acquire("k0", 60_000), handle="w")
        await until(lambda: bool(world.connection.of(waiting)))
        assert await world.ask(END) == Done()
        await until(lambda: held(world) == {"dev/k0", "dev/other"})
        await until(lambda: len(world.connection.of(waiting)) == 2)
        assert isinstance(world.vocabulary.decode_reply(world.connection.of(waiting)[1].reply), LockHeld)
        refused = await world.ask(acquire("k1"), session="n1:7")
        assert isinstance(refused, Rejected) and refused.code == "SESSION_ENDED"
        assert {each.command for each in world.decisions() if each.lane == "TIMER"} == {"SessionGone"}


async def test_the_end_of_a_session_and_what_its_first_keys_let_go_of_are_one_commit() -> None:
    async with running(locks()) as world:
        for number in range(200):
            await world.ask(acquire(f"k{number}"), session="n1:7")
        assert await world.ask(END) == Done()
        await until(lambda: not held(world))
        records = [each.value or b"" for each in world.broker.log.records]
        first = next(record for record in records if b"EndSession" in record)
        assert first.count(b"SessionGone") == OwnerSettings("", 1).first_commit - 1


async def test_the_next_owner_goes_on_where_the_last_one_was_stopped() -> None:
    first = locks()
    async with running(first) as world:
        for number in range(300):
            await world.ask(acquire(f"k{number}"), session="n1:7")
        alone = (b"SessionGone", b"EndSession")
        world.broker.fate = lambda record: (
            "lost" if [each in record for each in alone] == [True, False] else "ok"
        )
        assert await world.ask(END) == Done()
        await until(lambda: bool(world.watch.troubles))
    first.broker.fate = lambda _: "ok"
    second = locks(first.broker)
    async with running(second):
        await until(lambda: second.owner.phase == "leading" and not held(second))


async def test_what_a_session_held_is_let_go_also_by_an_owner_that_comes_days_later() -> None:
    first = locks()
    async with running(first) as world:
        for number in range(300):
            await world.ask(acquire(f"k{number}"), session="n1:7")
        world.broker.fate = lambda record: (
            "lost" if b"SessionGone" in record and b"EndSession" not in record else "ok"
        )
        assert await world.ask(END) == Done()
        await until(lambda: bool(world.watch.troubles))
    first.broker.fate = lambda _: "ok"
    second = locks(first.broker)
    for clock in (second.clock, first.broker_clock):
        clock.now += 3 * 24 * 3_600_000
    async with running(second):
        await until(lambda: not held(second) or second.owner.phase == "quarantined")
        assert second.owner.phase == "leading"
        assert second.owner.reader.state.ended_sessions, "days of wall time, but leases could still run"


async def test_a_tenant_ends_no_session_of_another_that_is_called_alike() -> None:
    other = Identity("other", "app", ("SYSTEM",))
    async with running(locks()) as world:
        await world.ask(acquire("k"), session="n1:7")
        await world.ask(acquire("k"), session="n1:7", identity=other, tenant="other", client="c2")
        assert await world.ask(END, identity=other, tenant="other", client="c2") == Done()
        await until(lambda: held(world) == {"dev/k"})
        assert isinstance(await world.ask(acquire("more"), session="n1:7"), LockHeld)
        refused = await world.ask(
            acquire("more"), session="n1:7", identity=other, tenant="other", client="c2"
        )
        assert isinstance(refused, Rejected) and refused.code == "SESSION_ENDED"
        world.owner.reader.state.restore()  # as the next owner does
        assert world.owner.reader.state.next_ending() is None
        assert await world.ask(END) == Done()
        await until(lambda: not held(world))


@pytest.mark.parametrize(
    ("ended", "cause", "field"),
    [("n1:7", "x" * 257, "cause"), ("n1:7", "a\nb", "cause"), ("n" * 129, "x", "ended"), ("", "x", "ended")],
)
async def test_what_no_session_and_no_cause_can_be_is_refused(ended: str, cause: str, field: str) -> None:
    async with running(locks()) as world:
        pending = world.pending(EndSession("locks", 0, ended, cause))
        assert pending.refusal is not None
        assert (pending.refusal.code, pending.refusal.details) == ("BAD_ARGUMENT", (("field", field),))


async def test_what_was_given_back_is_not_looked_at_again() -> None:
    async with running(locks()) as world:
        for number in range(20):
            reply = await world.ask(acquire(f"k{number}"), session="n1:7", handle=f"h{number}")
            await world.ask(ReleaseLock(f"k{number}", reply.token), session="n1:7", handle=f"h{number}")
        assert await world.ask(END) == Done()
        assert world.owner.reader.state.next_ending() is None
        assert not [each for each in world.decisions() if each.lane == "TIMER"]


async def test_a_session_that_used_many_keys_of_others_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timers, "LOOKS", 10)
    async with running(locks()) as world:
        for number in range(100):
            await world.ask(acquire(f"k{number}"), session="n2:8", handle=f"h{number}")
        state, left = world.owner.reader.state, list[int]()
        for number in range(100):
            state.holdings.note("dev/n1:7", f"dev/k{number}")
        world.broker.fate = lambda _: left.append(_left(state)) or "ok"  # type: ignore[func-returns-value]
        world.send(END)
        await until(lambda: bool(left))
        assert left[0] >= 80, "a commit looks at a few, before and after it decides commands"
        await until(lambda: state.next_ending() is None)
        assert len(held(world)) == 100


def _left(state: PartitionState) -> int:
    return sum("dev/n1:7" in each for each in state.holdings._by_key.values())

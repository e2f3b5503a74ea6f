"""Timers and gathering on a running owner, by a clock that is turned by hand."""

from streams.engine.settings import OwnerSettings
from streams.log.records import MAX_COMMIT_BYTES
from tests.unit.engine.harness import World, running, turns, until
from tests.unit.engine.toy import Add, Alive, Arm, Beat


def toy_total(world: World, name: str) -> int:
    total: int = world.owner.reader.state.state_of(f"dev/{name}").total
    return total


async def test_a_timer_rings_once_lease_time_has_come() -> None:
    async with running(World()) as world:
        await world.ask(Arm("k", 400))
        world.clock.now += 300
        await turns(200)
        assert "dev/k" in world.owner.reader.state.keys
        world.clock.now += 200
        await until(lambda: "dev/k" not in world.owner.reader.state.keys)
        await until(lambda: "dev/k" not in world.walked().state.keys)


async def test_while_a_deadline_is_pending_it_commits_every_five_seconds() -> None:
    async with running(World()) as world:
        await world.ask(Arm("k", 10_000_000))
        end = len(world.broker.log.records)
        world.clock.now += 4_999
        await turns(200)
        assert len(world.broker.log.records) == end
        world.clock.now += 1
        await until(lambda: len(world.broker.log.records) == end + 1)
        assert world.walked().state.lease_ms > 0


async def test_a_timer_that_explodes_parks_its_key_and_the_others_ring() -> None:
    async with running(World()) as world:
        await world.ask(Arm("bad", 100, "explode"))
        await world.ask(Arm("good", 100))
        world.clock.now += 500
        await until(lambda: "dev/good" not in world.owner.reader.state.keys)
        assert list(world.walked().state.parked) == ["dev/bad"]
        assert world.owner.phase == "leading"
        assert len(world.watch.failures) == 1


async def test_beats_are_gathered_for_a_quarter_second_into_one_decision() -> None:
    async with running(World()) as world:
        sequences = [world.send(Beat(f"n{number % 3}")) for number in range(6)]
        await turns(100)
        assert world.connection.answers == []
        world.clock.now += 250
        await until(lambda: all(world.connection.of(s) for s in sequences))
        assert len(world.decisions()) == 1
        assert isinstance(world.reply_to(sequences[0]), Alive)


async def test_gathered_commands_count_towards_the_bound() -> None:
    settings = OwnerSettings(address="a", partitions=1, max_queued=2)
    async with running(World(settings=settings)) as world:
        for name in "abc":
            world.send(Beat(name))
        assert [refused.code for refused in world.connection.refused] == ["OVERLOADED"]


async def test_beats_whose_commit_is_void_are_gathered_again_and_each_answered_once() -> None:
    async with running(World()) as world:
        sequences = [world.send(Beat(name)) for name in "ab"]
        fates = iter(["lost"])
        world.broker.fate = lambda record: next(fates, "ok")
        world.clock.now += 250
        await until(lambda: bool(world.watch.troubles) and world.owner.phase == "leading")
        await turns(100)
        assert world.connection.answers == []
        world.clock.now += 250
        await until(lambda: all(world.connection.of(s) for s in sequences))
        assert [len(world.connection.of(s)) for s in sequences] == [1, 1]
        assert [decision.command for decision in world.decisions()] == ["Beats"]


async def test_a_mass_expiry_goes_on_in_the_next_commits() -> None:
    async with running(World()) as world:
        sequences = [world.send(Arm(f"k{number}", 100)) for number in range(700)]
        await until(lambda: all(world.connection.of(s) for s in sequences))
        before = world.walked().head.n
        world.clock.now += 500
        await until(lambda: not world.owner.reader.state.keys)
        assert world.walked().state.keys == {}
        assert world.walked().head.n - before >= 3


async def test_loud_timers_stop_at_the_size_of_a_commit() -> None:
    async with running(World()) as world:
        for number in range(60):
            world.send(Arm(f"k{number}", 100, "loud"))
        await until(lambda: len(world.connection.answers) == 60)
        world.clock.now += 500
        await until(lambda: world.owner.reader.state.deadlines.next() is None)
        assert max(len(stored.value or b"") for stored in world.broker.log.records) <= MAX_COMMIT_BYTES
        assert {each.until for each in world.walked().state.keys.values()} == {0}


async def test_commands_get_through_while_timers_are_due() -> None:
    async with running(World()) as world:
        for number in range(600):
            world.send(Arm(f"k{number}", 100))
        await until(lambda: len(world.connection.answers) == 600)
        world.broker.held = True
        world.clock.now += 500
        sequence = world.send(Add("other", 1))
        await until(lambda: len(world.broker.waiting) >= 1)
        world.broker.release(1)
        await until(lambda: bool(world.connection.of(sequence)))
        assert toy_total(world, "other") == 1
        world.broker.held = False
        world.broker.release()

"""FeatureActivated: written between commits, when the claim allows it, and only by the ownership that was asked."""

from streams.engine.settings import OwnerSettings
from streams.log.envelope import decode, encode
from streams.log.records import Claim, Commit, FeatureActivated
from tests.unit.engine import toy
from tests.unit.engine.harness import World, running, until
from tests.unit.engine.test_owner import commits
from tests.unit.engine.toy import Add


async def test_a_feature_is_activated_by_a_record_between_commits() -> None:
    settings = OwnerSettings(address="a", partitions=1, max_level=3)
    async with running(World(settings=settings)) as world:
        await world.ask(Add("k", 1))
        world.owner.activate(2)
        await until(lambda: world.owner.reader.head.active == 2)
        await world.ask(Add("k", 1))
        kinds = [type(decode(stored.value)) for stored in world.broker.log.records[2:]]
        assert kinds == [Commit, FeatureActivated, Commit]
        assert [commit.level for commit in commits(world)] == [1, 2]


async def test_a_feature_that_the_claim_does_not_support_is_not_activated() -> None:
    async with running(World()) as world:
        world.owner.activate(2)
        await world.ask(Add("k", 1))
        assert world.owner.reader.head.active == 1
        assert world.walked().voids == {}


async def test_a_feature_that_is_activated_loses_no_gathered_command() -> None:
    settings = OwnerSettings(address="a", partitions=1, max_level=3, tick_ms=1)
    async with running(World(settings=settings)) as world:
        beat = world.send(toy.Beat("n1"))
        world.clock.now += 300
        world.owner.activate(2)
        await until(lambda: bool(world.connection.of(beat)))
        assert world.owner.reader.head.active == 2


async def test_an_activation_ends_with_the_ownership_it_was_asked_of() -> None:
    settings = OwnerSettings(address="a", partitions=1, max_level=3, tick_ms=1)
    async with running(World(settings=settings)) as world:
        world.broker.held = True
        world.send(Add("k", 1))
        await until(lambda: len(world.broker.waiting) == 1)
        world.owner.activate(2)  # it waits for what is in flight, which turns out to be somebody else's
        world.broker.log.append(encode(Claim(b"r" * 16, "elsewhere", "0", 3)))
        world.send(Add("k", 1))
        world.broker.held = False
        world.broker.release()
        await until(lambda: bool(world.watch.troubles) and world.owner.phase == "leading")
        await world.ask(Add("k", 1))
        kinds = {type(decode(stored.value)) for stored in world.broker.log.records}
        assert FeatureActivated not in kinds
        assert world.owner.reader.head.active == 1

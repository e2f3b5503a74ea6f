"""The first commit on an idle log is short, so that its answers go out while the rest is decided."""

from streams.engine.settings import OwnerSettings
from tests.unit.engine.harness import World, running, until
from tests.unit.engine.test_owner import commits
from tests.unit.engine.toy import Add


async def test_what_comes_at_once_goes_into_a_short_commit_and_the_rest_behind_it() -> None:
    async with running(World(settings=OwnerSettings(address="a", partitions=1, first_commit=3))) as world:
        for number in range(10):
            world.send(Add(f"k{number}", 1))
        await until(lambda: len(world.connection.answers) == 10)
        assert [len(commit.decisions) for commit in commits(world)] == [3, 7]

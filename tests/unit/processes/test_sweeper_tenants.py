"""The sweeper of one tenant, in logs that others write to as well."""

from streams.domain.nodes import commands as c
from streams.domain.nodes.names import session_of
from tests.property.processes.sweeper_world import World, home_of, sweeper
from tests.unit.nodes.spec import SERVICE
from tests.unit.processes.test_sweeper import running, until


async def test_what_another_tenant_ended_under_the_same_name_is_not_ended_here() -> None:
    world = World()
    session, home = world.join("n1"), home_of(f"service:{SERVICE}")
    world.do(c.DeregisterNode("n1", session))
    forged = session_of("n1", world.books[home_of("n1")].number, "app")
    world.offer(forged)
    world.end_of_another_tenant(home, forged)
    one, news, _ = sweeper(world)
    async with running(one):
        await until(lambda: len(news.sweeps) == 2)
    assert {each.session: each.cause.split()[0] for each in news.sweeps} == {
        session: "LEFT",
        forged: "NOT_ISSUED",
    }

"""The client against the real owners, on a log in memory: who is inside, when connections and owners change."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from storage.memory.log import MemoryPartitionPorts
from streams.domain.locks.kind import LOCKS
from streams.engine.direct_lane import Connection
from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.roster import Access, Roster
from streams.engine.settings import OwnerSettings
from streams.engine.watch import Silent
from streams.engine.world import SystemClock, SystemEntropy
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tidelock.client.client import Client, connect

ALL = tuple(PartitionId("locks", number) for number in range(3))


class Cluster:
    """Two workers in one process over one log."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.ports = {where: MemoryPartitionPorts(self.clock) for where in ALL}
        self.rosters: list[Roster] = []
        self.addresses: list[str] = []
        self.servers: list[asyncio.Server] = []
        self.connections: list[Connection] = []

    async def add(self) -> None:
        number = len(self.rosters)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: self._connection(number), "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        access, words = Access("dev", Identity("dev", "app")), Vocabulary(LOCKS)
        roster = Roster(f"w{number}", address, {"locks": words}, len(ALL), access, 1024, self.clock)
        settings = OwnerSettings(address=address, partitions=len(ALL))
        roster.owner_factory = lambda where: Owner(
            where, words, self.ports[where], self.clock, SystemEntropy(), settings, roster, Silent()
        )
        self.rosters.append(roster)
        self.addresses.append(address)
        self.servers.append(server)

    def _connection(self, number: int) -> Connection:
        connection = Connection(self.rosters[number])
        self.connections.append(connection)
        return connection

    async def assign(self, *owners: int) -> None:
        """Give each partition to the worker with that number."""
        routes = {where: self.addresses[owner] for where, owner in zip(ALL, owners, strict=True)}
        for number, roster in enumerate(self.rosters):
            mine = frozenset(where for where, owner in zip(ALL, owners, strict=True) if owner == number)
            await roster.assigned(mine, routes)

    def hang_up(self, choice: random.Random) -> None:
        """Drop one connection, if there is one."""
        transports = [each._transport for each in self.connections if each._transport is not None]
        if transports:
            choice.choice(transports).abort()


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    cluster = Cluster()
    await cluster.add()
    await cluster.add()
    await cluster.assign(0, 1, 0)
    yield cluster
    for roster in cluster.rosters:
        await roster.close()
    for server in cluster.servers:
        server.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_one_inside_at_a_time_and_nothing_left_behind(cluster: Cluster, seed: int) -> None:
    choice = random.Random(seed)
    inside: set[str] = set()
    tokens: dict[str, int] = {}
    done = 0

    async def work(client: Client, rounds: int) -> None:
        nonlocal done
        for _ in range(rounds):
            name = choice.choice("abcd")
            async with client.lock(name, ttl=30) as held:
                assert name not in inside
                assert held.token > tokens.get(name, 0)
                tokens[name] = held.token
                inside.add(name)
                await asyncio.sleep(0)
                inside.remove(name)
            done += 1

    async def give_up(client: Client) -> None:
        """Cancel acquires at whatever point they have come to."""
        while done < 200:
            task = asyncio.create_task(client.lock(choice.choice("abcd")).acquire())
            for _ in range(choice.randrange(12)):
                await asyncio.sleep(0)
            task.cancel()
            try:
                held = await task
            except asyncio.CancelledError:
                continue
            await held.release()

    async def trouble() -> None:
        """Hang up and move partitions as the work goes on."""
        for step in range(20, 200, 30):
            while done < step:
                await asyncio.sleep(0)
            cluster.hang_up(choice)
            await cluster.assign(*(choice.randrange(2) for _ in ALL))

    one, two = (
        await connect(*cluster.addresses, token="dev"),
        await connect(cluster.addresses[1], token="dev"),
    )
    async with asyncio.timeout(60), one, two:
        workers = [work(choice.choice((one, two)), 20) for _ in range(10)]
        await asyncio.gather(*workers, give_up(one), give_up(two), trouble())
        for client in (one, two):
            await client._session.drain(10)
            assert client._session.open_commands() == ()
        for name in "abcd":
            state = await one.inspect(name)
            assert (state.holder_count, state.waiter_count) == (0, 0)

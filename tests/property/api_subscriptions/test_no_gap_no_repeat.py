"""No gap and no repeat, under any interleaving of commits, tails, subscribing, pace, ends and resuming elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from api.subscriptions.cursor import Place
from api.subscriptions.errors import ServerStopping
from streams.log.positions import PartitionId
from tests.unit.api_subscriptions.world import TENANT, Happened, Logs, Node, Watcher, settle

NAMES = ("x/1", "x/2", "x/3", "y/1")
NODES = 2


@dataclass
class Account:
    """Everything that one user got over all of the subscriptions that followed each other."""

    what: str
    name: str
    start: dict[PartitionId, Place] = field(default_factory=dict)
    items: list[Any] = field(default_factory=list)
    cursor: str | None = None
    watcher: Watcher | None = None
    node: Node | None = None

    def begin(self, node: Node) -> None:
        """Subscribe, or go on where the last subscription stopped."""
        live, self.node = node.live, node
        stream: Any
        if self.what == "lock":
            stream = live.lock(TENANT, self.name, self.cursor)
        elif self.what == "events":
            stream = live.lock_events(TENANT, self.name, None, self.cursor)
        elif self.what == "prefix":
            stream = live.lock_events(TENANT, None, self.name, self.cursor)
        else:
            stream = live.deadlocks(TENANT, self.cursor)
        self.watcher = Watcher().watch(stream)

    async def close(self) -> None:
        """Lose the connection; what arrived, arrived."""
        if self.watcher is None:
            return
        await self.watcher.leave()
        self._collect()

    def ended(self) -> bool:
        """Say whether the server ended it; then what it sent and the cursor are what counts."""
        if self.watcher is None or self.watcher.error is None:
            return False
        sent = self.watcher.items
        assert self.watcher.code in {"SUBSCRIBER_TOO_SLOW", "SERVER_STOPPING", "CURSOR_AHEAD"}, (
            self.watcher.error
        )
        if sent and self.watcher.code != "CURSOR_AHEAD":
            assert self.watcher.cursor == sent[-1].cursor
        self._collect()
        return True

    def _collect(self) -> None:
        assert self.watcher is not None
        self.items += self.watcher.items
        self.cursor = self.watcher.cursor or self.cursor
        self.watcher = None


STEPS = st.one_of(
    st.tuples(st.just("commit"), st.sampled_from(NAMES), st.sampled_from("abc")),
    st.tuples(
        st.just("several"),
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(NAMES)), min_size=2, max_size=8),
        st.booleans(),
    ),
    st.tuples(st.just("void"), st.integers(0, 1), st.none()),
    st.tuples(st.just("mark"), st.integers(0, 1), st.none()),
    st.tuples(st.just("tail"), st.integers(0, NODES - 1), st.integers(1, 3)),
    st.tuples(st.just("tail"), st.integers(0, NODES - 1), st.just(100)),
    st.tuples(st.just("cut"), st.integers(0, NODES - 1), st.none()),
    st.tuples(st.just("project"), st.integers(0, NODES - 1), st.integers(0, 4)),
    st.tuples(st.just("take"), st.integers(0, 7), st.integers(1, 5)),
    st.tuples(st.just("everybody"), st.integers(1, 20), st.none()),
    st.tuples(st.just("leave"), st.integers(0, 7), st.integers(0, NODES - 1)),
    st.tuples(st.just("rush"), st.integers(0, NODES - 1), st.integers(1, 12)),
    st.tuples(st.just("stop"), st.integers(0, NODES - 1), st.none()),
)


class Play:
    """One history of logs, nodes and users."""

    def __init__(self, ring_bytes: int, queue: int) -> None:
        self.logs = Logs(2)
        self.options: Any = {"ring_bytes": ring_bytes, "queue": queue, "earlier": 3}
        self.nodes: list[Node] = []
        self.users: list[Account] = []

    async def run(self, steps: list[tuple[str, Any, Any]]) -> None:
        for _ in range(NODES):
            self.nodes.append(await Node(self.logs, **self.options).start())
        begin = self.nodes[0].codec.seal(TENANT, dict.fromkeys(self.logs.wheres, (0, 0)))
        kinds = (("lock", "x/1"), ("events", "x/1"), ("prefix", "x/"), ("deadlocks", ""))
        self.users = [Account(what, name) for what, name in kinds for _ in range(2)]
        for number, user in enumerate(self.users):
            user.cursor = begin
            user.begin(self.nodes[number % NODES])
            await self._take(number, 3)
        for step in steps:
            await self._step(*step)
        await self._finish()

    async def _step(self, what: str, one: Any, other: Any) -> None:
        await getattr(self, f"_{what}")(one, other)
        await settle(6)
        for user in self.users:
            if user.ended():
                user.begin(user.node or self.nodes[0])

    async def _commit(self, name: str, client: str) -> None:
        self.logs.toggle(name, client)

    async def _several(self, moves: list[tuple[str, str]], deadlock: bool) -> None:
        where = self.logs.where(moves[0][1])
        self.logs.commit(*[move for move in moves if self.logs.where(move[1]) == where])
        if deadlock:
            self._deadlock()

    async def _void(self, partition: int, _: None) -> None:
        self.logs.void(self.logs.wheres[partition])

    async def _mark(self, partition: int, _: None) -> None:
        self.logs.mark(self.logs.wheres[partition])

    async def _tail(self, node: int, records: int) -> None:
        for where in self.logs.wheres:
            self.nodes[node].steered.step(where, records)

    async def _cut(self, node: int, _: None) -> None:
        self.nodes[node].steered.cut()

    async def _project(self, number: int, lag: int) -> None:
        at = self.nodes[number].projected.at
        for where, topic in self.logs.topics.items():
            at[where] = max(at[where], len(topic.records) - lag)

    async def _take(self, user: int, count: int) -> None:
        watcher = self.users[user].watcher
        if watcher is not None:
            watcher.allow(count)

    async def _rush(self, node: int, records: int) -> None:
        """Everybody comes anew while records come in, one a turn of the loop."""
        for user in self.users:
            await user.close()
            user.begin(self.nodes[node])
            await self._take(self.users.index(user), 3)
        for _ in range(records):
            self.logs.toggle("x/1", "abc"[records % 3])
            for where in self.logs.wheres:
                self.nodes[node].steered.step(where, 1)

    async def _everybody(self, count: int, _: None) -> None:
        for user in range(len(self.users)):
            await self._take(user, count)

    async def _leave(self, user: int, node: int) -> None:
        await self.users[user].close()
        self.users[user].begin(self.nodes[node])

    def _deadlock(self) -> None:
        for name in NAMES:
            lock = self.logs.locks.get(f"{TENANT}/{name}")
            if lock is not None and lock.waiters:
                self.logs.deadlock(name, lock.waiters[0].client)
                return

    async def _stop(self, number: int, _: None) -> None:
        old = self.nodes[number]
        old.hub.close(lambda cursor: ServerStopping("This node ends.", cursor))
        await settle()
        await old.stop()
        self.nodes[number] = await Node(self.logs, **self.options).start()
        for user in self.users:
            if user.node is old and user.watcher is not None:
                await user.watcher.ended()
                assert user.ended()
                user.begin(self.nodes[number])

    async def _finish(self) -> None:
        for node in self.nodes:
            await node.catch_up()
        for user in self.users:
            await self._have_all(user, [one for one in self.logs.happened if self._is_for(user, one)])
        for node in self.nodes:
            assert node.hub.subscriptions == 0
            await node.stop()

    async def _have_all(self, user: Account, wanted: list[Happened]) -> None:
        async with asyncio.timeout(30):
            while user.watcher is None or len(user.items) + len(user.watcher.items) < len(wanted):
                for each in self.users:
                    if each.watcher is not None:
                        each.watcher.allow(len(self.logs.happened))
                await settle()
                if user.ended():
                    user.begin(self.nodes[0])
        await settle()
        await user.close()
        self._judge(user, wanted)

    def _is_for(self, user: Account, one: Happened) -> bool:
        if user.what == "deadlocks":
            return type(one.event).__name__ == "LockWaitAborted"
        if user.what == "prefix":
            return one.name.startswith(user.name)
        return one.name == user.name and (one.last or user.what == "events")

    def _judge(self, user: Account, wanted: list[Happened]) -> None:
        for where in self.logs.wheres:
            got = [item for item in user.items if item.position.partition == where]
            due = [one for one in wanted if one.where == where]
            if user.what in {"events", "prefix"}:
                assert [(item.position.offset, item.index) for item in got] == [
                    (one.offset, one.index) for one in due
                ]
            elif user.what == "deadlocks":
                assert [(item.position.offset, int(item.ticket)) for item in got] == [
                    (one.offset, one.event.ticket) for one in due
                ]
            else:
                assert [self._shown(item) for item in got] == [
                    (one.offset, [h.token for h in one.after.holders], [w.ticket for w in one.after.waiters])
                    for one in due
                ]

    def _shown(self, item: Any) -> tuple[int, list[int], list[int]]:
        state = item.state
        return item.position.offset, [h.token for h in state.holders], [w.ticket for w in state.waiters]


@settings(max_examples=40, deadline=None, phases=[Phase.generate])
@given(
    st.lists(STEPS, min_size=20, max_size=60),
    st.sampled_from([0, 500, 2_000, 1 << 20]),
    st.sampled_from([2, 5, 1024]),
)
def test_every_change_comes_once_and_in_order(steps: list[Any], ring_bytes: int, queue: int) -> None:
    asyncio.run(Play(ring_bytes, queue).run(steps))

"""An API in this process, over read models in memory; requests go through the ASGI application."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import httpx

from api.app import ApiApp
from api.http import GraphQLOverHttp
from api.identity import DevelopmentToken
from api.letters import Letters
from api.schema import Schema, build
from api.services import Services
from api.sessions import Opener, Sessions
from api.values import LoggedValues
from streams.domain.roles import Role
from streams.log.positions import PartitionId, Position
from streams.projections.caches.reads import CacheReads
from streams.projections.locks.reads import (
    DeadlockRow,
    HolderRow,
    LockFilter,
    LockRow,
    SpellRow,
    WaiterRow,
    WaitRow,
    free_lock,
)
from streams.projections.nodes.reads import NodeReads
from streams.projections.queues.reads import QueueReads
from streams.projections.reads import AsOf, AuditFilter, AuditRow, Moment, ProjectedRow, Stand

TOKEN = "a-token"
OPERATOR = "an-operators-token"
PARTITIONS = 4
WHEN = AsOf(tuple(Stand("locks", number, 10, 1_000_000 + number) for number in range(PARTITIONS)))


def holder(token: int = 7, client: str = "c", mode: str = "EXCLUSIVE") -> HolderRow:
    return HolderRow("p", client, "h", 1, token, mode, 30_000, 31_000, 0, None, 5_000, 3)


def waiter(name: str, ticket: int = 8, place: int = 1, partition: int = 0) -> WaiterRow:
    return WaiterRow(
        partition, name, place, ticket, "p", "w", "h", 2, "EXCLUSIVE", 0, 30_000, 40_000, None, None, 4, 6_000
    )


def locked(name: str, partition: int = 0, waiting: tuple[int, ...] = ()) -> LockRow:
    return LockRow(
        partition, name, "EXCLUSIVE", 1, len(waiting), None, 7, (holder(),), waiting, 5_000, 3, 5_000, WHEN
    )


@cache
def schema(dev: bool = False) -> Schema:
    """Immutable but for its documents; takes a while to build."""
    return build(introspection=dev)


class MemoryReads:
    """Read models of one tenant, `dev`. Notes what is asked; `fails` is raised instead of any answer."""

    def __init__(self, locks: Sequence[LockRow] = (), waiters: Sequence[WaiterRow] = ()) -> None:
        self.rows = sorted(locks, key=lambda lock: lock.name)
        self.waiters = list(waiters)
        self.spells: list[SpellRow] = []
        self.broken: list[DeadlockRow] = []
        self.decisions: list[AuditRow] = []
        self.past: dict[Moment, LockRow] = {}
        self.asked: list[str] = []
        self.named: list[list[tuple[int, str]]] = []
        self.tenants: set[str] = set()
        self.fails: Exception | None = None

    def _ask(self, what: str, tenant: str = "dev") -> None:
        self.asked.append(what)
        self.tenants.add(tenant)
        if self.fails is not None:
            raise self.fails

    async def projected(self) -> Sequence[ProjectedRow]:
        self._ask("projected")
        return [ProjectedRow("locks", stand) for stand in WHEN.stands]

    async def lock_at(self, tenant: str, name: str, partition: int, at: Moment) -> LockRow:
        self._ask("lock_at", tenant)
        return self.past[at]

    async def locks(
        self, tenant: str, wanted: LockFilter, first: int, after: str | None
    ) -> tuple[Sequence[LockRow], AsOf]:
        self._ask("locks", tenant)
        prefix = wanted.name_prefix or ""
        rows = [row for row in self.rows if row.name > (after or "") and row.name.startswith(prefix)]
        return rows[: first + 1], WHEN

    async def locks_at(
        self, tenant: str, wanted: LockFilter, first: int, after: str | None, at: Moment
    ) -> tuple[Sequence[LockRow], AsOf, str | None]:
        self._ask("locks_at", tenant)
        return [], AsOf(WHEN.stands, at), "somewhere"

    async def locks_by_name(self, tenant: str, keys: Sequence[tuple[int, str]]) -> Sequence[LockRow]:
        self._ask("locks_by_name", tenant)
        self.named.append(list(keys))
        found = {(row.partition, row.name): row for row in self.rows}
        return [found.get(key) or free_lock(*key, WHEN) for key in keys]

    async def waiters_of(self, tenant: str, locks: Sequence[LockRow]) -> Sequence[Sequence[WaiterRow]]:
        self._ask("waiters_of", tenant)
        return [[one for one in self.waiters if one.name == lock.name] for lock in locks]

    async def waits(
        self, tenant: str, name_prefix: str | None, first: int, after: tuple[str, int] | None
    ) -> tuple[Sequence[WaitRow], AsOf]:
        self._ask("waits", tenant)
        rows = [one for one in self.waiters if (one.name, one.ticket) > (after or ("", -1))]
        return [WaitRow(one, (holder(), waiter(one.name, 5))) for one in rows[: first + 1]], WHEN

    async def history(
        self, tenant: str, name: str, first: int, after: tuple[int, int] | None
    ) -> tuple[Sequence[SpellRow], AsOf]:
        self._ask("history", tenant)
        return self.spells[: first + 1], WHEN

    async def deadlocks(
        self, tenant: str, first: int, after: tuple[int, int, int] | None
    ) -> tuple[Sequence[DeadlockRow], AsOf]:
        self._ask("deadlocks", tenant)
        return self.broken[: first + 1], WHEN

    async def audit(
        self, tenant: str, wanted: AuditFilter, first: int, after: tuple[int, int, int, int] | None
    ) -> tuple[Sequence[AuditRow], AsOf]:
        self._ask("audit", tenant)
        return self.decisions[: first + 1], WHEN


class MemoryProgress:
    """Projections that stand where they are put."""

    def __init__(self) -> None:
        self.next_offset = 10
        self.waited: list[float] = []

    async def reach(self, projection: str, where: PartitionId, next_offset: int, within_s: float) -> bool:
        self.waited.append(within_s)
        return self.next_offset >= next_offset


class MemoryEnds:
    """Logs that end where they are told to."""

    def __init__(self) -> None:
        self.end = 10
        self.fails: Exception | None = None

    async def partitions(self, kind: str) -> int:
        return PARTITIONS

    async def ends(self, several: list[PartitionId]) -> dict[PartitionId, int]:
        if self.fails is not None:
            raise self.fails
        return dict.fromkeys(several, self.end)

    async def after(self, where: PartitionId, time_ms: int) -> int:
        return self.end


def no_workers(token: str, client_id: str, first_sequence: int) -> Any:
    raise AssertionError("no test here asks a worker")


class World:
    """One API node."""

    def __init__(
        self,
        reads: MemoryReads | None = None,
        *,
        dev: bool = False,
        opener: Opener = no_workers,
        queues: QueueReads | None = None,
        nodes: NodeReads | None = None,
        caches: CacheReads | None = None,
        values: LoggedValues | None = None,
        letters: Letters | None = None,
        roles: tuple[Role, ...] = (),
    ) -> None:
        self.reads = reads or MemoryReads()
        self.progress = MemoryProgress()
        self.ends = MemoryEnds()
        self.services = Services(
            DevelopmentToken(TOKEN, "dev", "someone", OPERATOR, roles), self.reads, self.progress, self.ends,
            Sessions(opener),
            {"locks": PARTITIONS, "queues": 1, "nodes": 1, "caches": 1}, b"key", queues=queues, nodes=nodes,
            caches=caches, values=values, letters=letters,
        )  # fmt: skip
        self.schema = schema(dev)
        self.app = ApiApp(GraphQLOverHttp(self.schema, self.services), dev_token=TOKEN if dev else None)

    async def send(self, method: str = "POST", path: str = "/graphql", **request: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {TOKEN}"} | request.pop("headers", {})
        transport = httpx.ASGITransport(app=cast("Any", self.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, path, headers=headers, **request)

    async def post(self, body: object) -> httpx.Response:
        """Send `body` as JSON in ASCII, so that it may hold what no UTF-8 can."""
        return await self.send(content=json.dumps(body), headers={"content-type": "application/json"})

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the answer's data, which came without errors."""
        answer = (await self.post({"query": query, "variables": variables})).json()
        assert "errors" not in answer, answer
        return cast("dict[str, Any]", answer["data"])

    async def refused(self, query: str, **variables: Any) -> Mapping[str, Any]:
        """Return the one error of the answer, with its code at the top."""
        answer = (await self.post({"query": query, "variables": variables})).json()
        (error,) = answer["errors"]
        return {**error["extensions"], "message": error["message"], "path": error.get("path")}


def position(text: str) -> Position:
    where, _, offset = text.partition("@")
    kind, _, partition = where.partition("/")
    return Position(PartitionId(kind, int(partition)), int(offset))

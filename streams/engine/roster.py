"""A worker's owners and connections: starts and stops owners as they are assigned, routes commands to them."""

import asyncio
from collections.abc import Callable, Mapping
from hmac import compare_digest

import structlog

from schemas.catalogue import HEADER
from schemas.messages import bind, type_name
from streams.domain.value import value
from streams.engine.direct_lane import Connection
from streams.engine.outbox import Identity
from streams.engine.owner import Owner
from streams.engine.pending import Pending
from streams.engine.ports import ReplyTo
from streams.engine.tallies import Tallies
from streams.engine.telemetry import OWNERS_ENDED
from streams.log.assignment import member_name
from streams.log.ports import Clock
from streams.log.positions import PartitionId
from streams.log.vocabulary import ENGINE_COMMANDS, Vocabulary
from streams.wire.messages import Answer, KindInfo, Refused, Route, Told

DRAIN_S = 3.0


@value
class Access:
    """Who may speak, until identity exists: one development token for one tenant, and those of who runs it all."""

    token: str
    identity: Identity
    operator: str | None = None
    """The operator's token; None: nobody may activate features."""
    system: str | None = None
    """The token of the platform's own processes; None: they have the development token."""

    def identify(self, token: str) -> Identity | None:
        """Return who the token speaks for, or None."""
        if _same(token, self.token):
            return self.identity
        if self.operator is not None and _same(token, self.operator):
            return Identity(self.identity.tenant, "operator", ("OPERATOR",))
        if self.system is not None and _same(token, self.system):
            return Identity(self.identity.tenant, "system", ("SYSTEM",))
        return None


_OWN = bind("wire", ENGINE_COMMANDS).ready()
_OF_EVERY_KIND = frozenset(_OWN.command_headers)


MAX_PLACES = 16
"""So many older connections of one client get its pushes; a client that connects anew leaves its last one soon."""


@value
class Everywhere:
    """Several connections of one client. Only who asked knows the sequence; the others drop what they are told."""

    connections: tuple[Connection, ...]

    def answer(
        self, where: PartitionId, offset: int, lease_ms: int, mark_ms: int, answers: list[Answer]
    ) -> None:
        """Tell all of them."""
        for connection in self.connections:
            connection.answer(where, offset, lease_ms, mark_ms, answers)

    def refuse(self, refused: Refused) -> None:
        """Tell all of them."""
        for connection in self.connections:
            connection.refuse(refused)


def _same(token: str, right: str) -> bool:
    """Compare in a time that tells nothing of `right`."""
    return compare_digest(token.encode(), right.encode())


class Roster:
    """Implements `direct_lane.Service` for connections and `outbox.Directory` for owners."""

    def __init__(
        self,
        worker: str,
        address: str,
        vocabularies: Mapping[str, Vocabulary],
        partitions: int,
        access: Access,
        max_in_flight: int,
        clock: Clock,
        kind_partitions: Mapping[str, int] | None = None,
    ) -> None:
        """`kind_partitions`: of the kinds that have not `partitions`."""
        self.worker = worker
        self.max_in_flight = max_in_flight
        self.joined = False
        """Whether the group has spoken: a standby owns nothing and is ready all the same."""
        self.levels: Mapping[str, int] = {}
        """The highest feature level of each member of the group, by name."""
        self.owners: dict[PartitionId, Owner] = {}
        self.owner_factory: Callable[[PartitionId], Owner] | None = None
        self.restart_pause_s = 1.0
        """Before an owner that ended unasked has a successor."""
        self._log = structlog.get_logger("tidelock.roster")
        self._address = address
        self._vocabularies = vocabularies
        self._partitions = dict.fromkeys(vocabularies, partitions) | dict(kind_partitions or {})
        self._access = access
        self._clock = clock
        self._tallies = Tallies({name: words.kind.told for name, words in vocabularies.items()})
        self._commands = {
            header: vocabulary
            for vocabulary in vocabularies.values()
            for header in vocabulary.command_headers
        }
        self._mine: frozenset[PartitionId] = frozenset()
        self._closed = False
        self._tasks: dict[PartitionId, asyncio.Task[None]] = {}
        self._draining: dict[PartitionId, asyncio.Task[None]] = {}
        """Released, and not yet at their end: nobody else here may own these partitions before that."""
        self._connections: dict[tuple[str, str], Connection] = {}
        """The newest of each client."""
        self._older: dict[tuple[str, str], tuple[Connection, ...]] = {}
        """Of clients that speak from several places at once (API nodes for one session): the others, newest first."""
        self._routes: dict[PartitionId, str] = {}
        self._sampled: dict[PartitionId, tuple[int, int]] = {}
        self._asked: dict[PartitionId, int] = {}
        """The feature level that was last asked of each owner here."""

    # ── assignment ──────────────────────────────────────────────────────────────────────────────────────────

    async def assigned(
        self,
        mine: frozenset[PartitionId],
        routes: Mapping[PartitionId, str],
        levels: Mapping[str, int] | None = None,
    ) -> None:
        """Own exactly `mine` from now on. Returns at once: the group hears no heartbeat meanwhile."""
        if self._closed:
            return
        self._mine, self._routes, self.joined = mine, dict(routes), True
        self.levels = dict(levels or {})
        self._withdraw()
        for where in [held for held in self._tasks if held not in mine]:
            self._release(where)
        for where in sorted(mine, key=str):
            self._start(where)

    def activate(self, where: PartitionId, level: int) -> None:
        """Have the owner here activate feature `level`; taken back if a member below it joins before the record."""
        self._asked[where] = level
        self.owners[where].activate(level)

    def _withdraw(self) -> None:
        """Take back what was asked of owners, is not yet in their logs, and is beyond a member of the group."""
        lowest = min(self.levels.values(), default=0)
        for where, level in list(self._asked.items()):
            owner = self.owners.get(where)
            if owner is None or owner.reader.head.active >= level:
                del self._asked[where]
            elif level > lowest:
                del self._asked[where]
                owner.activate(owner.reader.head.active)  # the last word counts, and this one changes nothing
                self._log.warning("activation taken back", partition=str(where), level=level, lowest=lowest)

    async def close(self) -> None:
        """Stop every owner for good: what is in flight finishes first."""
        self._closed = True
        for where in list(self._tasks):
            self._release(where)
        await asyncio.gather(*self._draining.values())

    @property
    def ready(self) -> bool:
        """Whether the group has spoken and every partition assigned here is decided here."""
        owners = self.owners.copy()
        leading = {where for where, owner in owners.items() if owner.phase == "leading"}
        return self.joined and self._mine <= leading

    def _start(self, where: PartitionId) -> None:
        """Own the partition, unless that is no longer wanted, or an owner of it still runs."""
        if self._closed or where not in self._mine or where in self._tasks or where in self._draining:
            return
        assert self.owner_factory is not None
        try:
            owner = self.owner_factory(where)
        except Exception as error:
            self._start_again(where, error)
            return
        self.owners[where] = owner
        self._asked.pop(where, None)
        task = self._tasks[where] = asyncio.create_task(owner.run(), name=f"owner {where}")
        task.add_done_callback(lambda ended: self._ended(where, ended))

    def _ended(self, where: PartitionId, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._tasks.get(where) is task:  # nobody asked it to end
            del self._tasks[where], self.owners[where]
            self._start_again(where, error)
        elif error is not None:
            self._log.warning("owner failed while it stopped", partition=str(where), exc_info=error)

    def _start_again(self, where: PartitionId, error: BaseException | None) -> None:
        OWNERS_ENDED.labels(where.kind, str(where.partition)).inc()
        self._log.error(
            "owner ended; another one starts",
            partition=str(where),
            error=repr(error),
            pause_s=self.restart_pause_s,
            exc_info=error,
        )
        asyncio.get_running_loop().call_later(self.restart_pause_s, self._start, where)

    def _release(self, where: PartitionId) -> None:
        task, owner = self._tasks.pop(where), self.owners.pop(where)
        self._draining[where] = asyncio.create_task(self._drain(where, owner, task), name=f"drain {where}")

    async def _drain(self, where: PartitionId, owner: Owner, task: asyncio.Task[None]) -> None:
        try:
            await owner.stop()
            done, _ = await asyncio.wait([task], timeout=DRAIN_S if owner.phase == "leading" else 0.2)
            if not done:
                task.cancel()
                await asyncio.wait([task])
        finally:
            del self._draining[where]
            self._start(where)  # it may have come back meanwhile

    # ── direct_lane.Service ─────────────────────────────────────────────────────────────────────────────────

    def authenticate(self, token: str) -> Identity | None:
        """Return who the token speaks for, or None."""
        return self._access.identify(token)

    @property
    def has_operator(self) -> bool:
        """Whether there is an operator's token at all."""
        return self._access.operator is not None

    def is_operator(self, token: str) -> bool:
        """Say whether the token is the operator's."""
        return self._access.operator is not None and _same(token, self._access.operator)

    def connected(self, connection: Connection) -> None:
        """Pushes for this client go to this connection too."""
        assert connection.identity is not None
        key = (connection.identity.principal, connection.client)
        if key in self._connections:
            self._older[key] = (self._connections[key], *self._older.get(key, ()))[:MAX_PLACES]
        self._connections[key] = connection

    def disconnected(self, connection: Connection) -> None:
        """Forget the connection."""
        assert connection.identity is not None
        key = (connection.identity.principal, connection.client)
        older = tuple(each for each in self._older.pop(key, ()) if each is not connection)
        if self._connections.get(key) is connection:
            del self._connections[key]
            if older:
                self._connections[key], *rest = older
                older = tuple(rest)
        if older:
            self._older[key] = older

    def vocabulary_of(self, record: bytes) -> tuple[Vocabulary, int] | None:
        """Return the vocabulary and partition count of an encoded command's kind. Raises `SchemaError`."""
        header = record[:HEADER]
        vocabulary = self._commands.get(header)
        if header in _OF_EVERY_KIND:
            vocabulary = self._vocabularies.get(_OWN.decode_command(record)[1].kind)
        elif vocabulary is None:
            type_name(record)
        return None if vocabulary is None else (vocabulary, self._partitions[vocabulary.kind.name])

    def submit(self, where: PartitionId, pending: Pending) -> None:
        """Hand a command to its partition's owner, or say who has it."""
        owner = self.owners.get(where)
        if owner is not None:
            owner.submit(pending)
        elif pending.reply_to is not None:
            address = self.address_of(where)
            code = "CLAIMING" if address is None else "NOT_OWNER"
            message = f"{where} is owned by {address or 'nobody right now; ask again soon'}."
            pending.reply_to.refuse(
                Refused(pending.meta.sequence, code, message, where.kind, where.partition, address, 100)
            )

    def told(self, tenant: str, told: Told) -> None:
        """Count what a client did by itself."""
        self._tallies.take(tenant, told)

    def kinds(self) -> tuple[KindInfo, ...]:
        """Return the kinds and their partition counts."""
        return tuple(KindInfo(name, self._partitions[name]) for name in self._vocabularies)

    @property
    def member(self) -> str:
        """This worker's name in `levels`."""
        return member_name(self.worker, self._address)

    def routes(self) -> tuple[Route, ...]:
        """Return where each partition's owner listens, as far as known."""
        return tuple(Route(where.kind, where.partition, address) for where, address in self._routes.items())

    def mark_ms(self) -> int:
        """Return the wall mark a client may count from: the latest of what is led here; 0 when nothing is."""
        marks = [owner.mark_ms() for owner in self.owners.values() if owner.phase == "leading"]
        return max(marks, default=0)

    def costs(self) -> tuple[tuple[str, int], ...]:
        """Return (partition, decisions a second since this was last asked): the weights of the next assignment."""
        now, rates = self._clock.monotonic_ms(), []
        for where, owner in sorted(self.owners.items(), key=lambda item: str(item[0])):
            decisions = owner.reader.head.decisions
            then, before = self._sampled.get(where, (now, decisions))
            rates.append((str(where), (decisions - before) * 1000 // max(now - then, 1000)))
            self._sampled[where] = (now, decisions)
        return tuple(rates)

    # ── outbox.Directory ────────────────────────────────────────────────────────────────────────────────────

    def connection_of(self, principal: str, client: str) -> ReplyTo | None:
        """Return where to reach a client, or None."""
        key = (principal, client)
        newest = self._connections.get(key)
        return (
            Everywhere((newest, *self._older[key])) if newest is not None and key in self._older else newest
        )

    def address_of(self, where: PartitionId) -> str | None:
        """Return where another worker owns the partition, as far as known."""
        address = self._routes.get(where)
        return None if address == self._address else address

    def topic_identity(self) -> Identity:
        """Return who commands of the topic lane act for: whoever may write to a topic has no role by that."""
        identity = self._access.identity
        return Identity(identity.tenant, identity.principal)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

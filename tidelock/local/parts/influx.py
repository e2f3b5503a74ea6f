"""InfluxDB 2: `INFLUXD`, `influxd` on PATH, or the packed one that tests bring; else the part is off."""

from __future__ import annotations

import asyncio
import lzma
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import httpx

from tidelock.local.addresses import InfluxAddress
from tidelock.local.errors import PartMissing
from tidelock.local.parts.part import Helper, Launch
from tidelock.local.parts.probe import http_status
from tidelock.local.ports import PortBook

ORG = "tidelock"
BUCKET = "tidelock"
RAW_S = 7 * 86_400
"""As long as the projector means raw points to be kept (`TIDELOCK_INFLUX_RAW_DAYS`)."""


def find_binary(env: Mapping[str, str] = os.environ) -> Path | None:
    """Return the server's program, or an `.xz` of it, or None where there is none; raises PartMissing."""
    named = env.get("INFLUXD")
    if named:
        if not Path(named).is_file():
            raise PartMissing(
                "influx", f"INFLUXD names {named}, which is no file", "Correct or unset INFLUXD."
            )
        return Path(named)
    on_path = shutil.which("influxd", path=env.get("PATH"))
    if on_path:
        return Path(on_path)
    shared = env.get("TIDELOCK_SHARED")
    packed = Path(shared) / "bin" / "influxd.xz" if shared else None
    return packed if packed and packed.is_file() else None


class Influx:
    """One InfluxDB server, set up with one organisation, one bucket and one token."""

    name = "influx"

    def __init__(self, home: Path, ports: PortBook, binary: Path) -> None:
        self._dir = (home / "influx").resolve()
        self._binary = binary if binary.suffix != ".xz" else (home / "bin" / "influxd").resolve()
        self._packed = binary if binary.suffix == ".xz" else None
        self._ports = ports
        self._port = 0

    @property
    def address(self) -> str:
        """The HTTP address."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def credentials(self) -> InfluxAddress:
        """Everything a writer needs."""
        return InfluxAddress(self.address, ORG, BUCKET, self._token())

    def place(self, *, elsewhere: bool = False) -> None:
        """Choose the port."""
        if elsewhere:
            self._ports.forget(self.name)
        self._port = self._ports.take(self.name)

    async def prepare(self, run: Helper) -> None:  # noqa: ARG002 - the protocol's
        """Unpack the program if it is packed, and choose the token."""
        self._dir.mkdir(parents=True, exist_ok=True)
        if self._packed and not self._binary.exists():
            await asyncio.to_thread(_unpack, self._packed, self._binary)
        self._token()

    def launch(self) -> Launch:
        """Return the server's command line."""
        options = {
            "http-bind-address": f"127.0.0.1:{self._port}",
            "bolt-path": self._dir / "influxd.bolt",
            "sqlite-path": self._dir / "influxd.sqlite",
            "engine-path": self._dir / "engine",
            "log-level": "warn",
        }
        flags = (f"--{key}={value}" for key, value in options.items())
        return Launch((str(self._binary), "run", "--reporting-disabled", "--ui-disabled", *flags))

    async def ready(self) -> bool:
        """Say whether it is healthy."""
        return await http_status(self._port, "/health") == 200

    async def settle(self) -> None:
        """Do what InfluxDB calls onboarding, unless the data directory has been through it."""
        async with httpx.AsyncClient(base_url=self.address, trust_env=False, timeout=20.0) as client:
            if not (await client.get("/api/v2/setup")).json()["allowed"]:
                return
            answer = await client.post("/api/v2/setup", json=self._onboarding())
            answer.raise_for_status()

    def _onboarding(self) -> dict[str, object]:
        token = self._token()
        return {
            "username": "tidelock", "password": token, "token": token,
            "org": ORG, "bucket": BUCKET, "retentionPeriodSeconds": RAW_S,
        }  # fmt: skip

    def _token(self) -> str:
        file = self._dir / "token"
        if not file.exists():
            self._dir.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(32))
        return file.read_text()


def _unpack(packed: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".new")
    with lzma.open(packed) as source, unfinished.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)
    unfinished.chmod(0o755)
    unfinished.replace(target)

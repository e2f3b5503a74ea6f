"""Our own processes as nodes: each registers, is heard, and offers its role as a service (`tidelock-worker`, ...).

For composition roots only. Being a node is a convenience for who looks at the platform, so nothing depends on it: it
begins when the workers answer, is tried again quietly, and never delays or ends the process.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from typing import Final

import structlog
from prometheus_client import Gauge
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.domain.nodes.commands import Health
from streams.domain.nodes.limits import MAX_NODE_NAME
from streams.domain.nodes.names import PLATFORM
from tidelock.client.client import Client, connect
from tidelock.client.errors import BadArgument, NodeAlive, NotAuthenticated, NotAuthorized, TidelockError
from tidelock.client.nodes.events import NodeEvent
from tidelock.client.nodes.node import Node

TIMEOUT_S: Final = 15.0
"""After so much silence it is dead: longer than for others, as nothing that it holds is waited for."""
REPORT_S: Final = 1.0
FIRST_PAUSE_S: Final = 0.5
LAST_PAUSE_S: Final = 30.0
CONNECT_S: Final = 10.0
CORE: Final = 100
"""Load is percent of a processor that the process used since it was last asked; capacity: one processor."""
REGISTERED: Final = Gauge(
    "tidelock_node_registered",
    "1 while this process has a session as a node (TIDELOCK_REGISTER_SELF).",
    ("role",),
)


class RegistrarSettings(BaseSettings):
    """How a process of ours becomes a node. Every name is an environment variable with the prefix `TIDELOCK_`."""

    model_config = SettingsConfigDict(
        env_prefix="TIDELOCK_", env_file=None, extra="ignore", hide_input_in_errors=True
    )

    register_self: bool = Field(True, description="Whether the platform's own processes are nodes.")
    workers: str = Field("", description="Direct lanes of workers, comma-separated; default: the usual one.")
    system_token: str = Field("", description="Token of the platform's own processes.")
    token: str = Field("", description="Used where there is no such token.")
    dev_token: str = Field("dev", description="Used where there is neither.")
    node_zone: str = Field("", description="Where this process stands, as services know zones.")

    @property
    def shown_token(self) -> str:
        """The token to connect with."""
        return self.system_token or self.token or self.dev_token

    @property
    def addresses(self) -> tuple[str, ...]:
        """The workers' addresses; none: the client's own default."""
        return tuple(part.strip() for part in self.workers.split(",") if part.strip())

    def beginning_at(self, address: str) -> "RegistrarSettings":
        """Return them with another worker's address before the others: a worker's own."""
        workers = ",".join(dict.fromkeys((address, *self.addresses)))
        return self.model_copy(update={"workers": workers})


@dataclass(frozen=True, slots=True)
class OwnProcess:
    """What a process says of itself."""

    role: str
    """`worker`, `projector`, `processes` or `api`; the service is `tidelock-<role>`."""
    name: str
    """Among those of its role."""
    address: str
    """Where it serves, else where it shows its status."""
    is_ready: Callable[[], bool]
    """As its /ready says; asked on the event loop."""
    end_s: float = 2.0
    """How long its end may wait for its deregistration."""

    @property
    def node(self) -> str:
        """The node's name: the process's own, with its role before it if it does not begin so."""
        name = self.name if self.name.startswith(self.role) else f"{self.role}-{self.name}"
        return "".join("-" if each == ":" or not each.isprintable() else each for each in name)[
            :MAX_NODE_NAME
        ]


class CpuLoad:
    """How busy this process is."""

    def __init__(self) -> None:
        self._cpu_s, self._at_s = time.process_time(), time.monotonic()
        self._percent = 0

    def __call__(self) -> int:
        """Return percent of one processor since it was last asked; asked again within 10 ms, the same."""
        cpu_s, at_s = time.process_time(), time.monotonic()
        if at_s - self._at_s > 0.01:
            self._percent = round(CORE * (cpu_s - self._cpu_s) / (at_s - self._at_s))
            self._cpu_s, self._at_s = cpu_s, at_s
        return self._percent


@asynccontextmanager
async def registered(
    process: OwnProcess, settings: RegistrarSettings | None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Be a node inside, as far as that can be had; leave at the end. Without settings, or switched off: nothing.

    `tls`: what to connect to the workers with; None: plain TCP.
    """
    if settings is None or not settings.register_self:
        yield
        return
    task = asyncio.create_task(Registrar(process, settings, tls).run(), name="registrar")
    try:
        yield
    finally:
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=process.end_s)
        if not done:
            task.cancel()


class Registrar:
    """Keeps the process a node."""

    def __init__(self, process: OwnProcess, settings: RegistrarSettings, tls: ssl.SSLContext | None) -> None:
        self._process = process
        self._settings = settings
        self._tls = tls
        self._load = CpuLoad()
        self._restart = True
        """The first session takes the place of one that this process left when it was killed."""
        self._log = structlog.get_logger("tidelock.registrar")

    async def run(self) -> None:
        """Register, again and again, until cancelled; or until the workers say that it cannot be."""
        pause_s, told = FIRST_PAUSE_S, ""
        while True:
            began_s = time.monotonic()
            try:
                await self._live()
            except (BadArgument, NotAuthenticated, NotAuthorized) as error:
                self._log.warning("this process is no node", code=error.code, error=str(error))
                return
            except (TidelockError, OSError) as error:
                why = getattr(error, "code", type(error).__name__)
                if why != told:
                    self._log.info("not registered as a node yet", node=self._process.node, why=why)
                told, waits_s = why, getattr(error, "retry_after_s", None)
            else:
                waits_s = None
            pause_s = FIRST_PAUSE_S if time.monotonic() - began_s > LAST_PAUSE_S else pause_s
            await asyncio.sleep(waits_s or pause_s)
            pause_s = min(2 * pause_s, LAST_PAUSE_S)

    async def _live(self) -> None:
        """Be a node until the session ends for good."""
        node, settings = self._node(), self._settings
        gauge = REGISTERED.labels(self._process.role)
        try:
            async with connect(
                *settings.addresses,
                token=settings.shown_token,
                connect_timeout=CONNECT_S,
                node=node,
                tls=self._tls,
            ) as client:
                self._restart = False
                gauge.set(1)
                self._log.info("registered as a node", node=self._process.node, session=client.node.session)
                await self._offer(client)
        except NodeAlive:
            self._restart = False  # somebody else has the name, and lives: it keeps it
            raise
        finally:
            gauge.set(0)

    def _node(self) -> Node:
        process = self._process
        return Node(
            process.node,
            address=process.address,
            zone=self._settings.node_zone,
            labels={"role": process.role, "version": _version(), PLATFORM: "true"},
            capacity=CORE,
            timeout=TIMEOUT_S,
            load=self._load,
            health=self._health,
            take_over=self._restart,
            on_event=self._told,
        )

    def _health(self) -> Health:
        return "PASSING" if self._process.is_ready() else "CRITICAL"

    def _told(self, event: NodeEvent) -> None:
        REGISTERED.labels(self._process.role).set(event.what not in ("ENDED", "RETIRED"))

    async def _offer(self, client: Client) -> None:
        service = client.service(f"tidelock-{self._process.role}")
        ready = self._process.is_ready()
        async with service.register(healthy=ready, rise=1, fall=2) as offer:
            while True:
                await asyncio.sleep(REPORT_S)
                await client.node.joined()
                ready = self._process.is_ready()
                with suppress(TidelockError):  # between two sessions; the next report says it again
                    await offer.report(ready, "" if ready else "its /ready says that it is not")


def _version() -> str:
    try:
        return metadata.version("tidelock")
    except metadata.PackageNotFoundError:
        return "unknown"

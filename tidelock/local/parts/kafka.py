"""Apache Kafka in KRaft mode: each broker is a voter of the controller quorum too.

Restarted brokers keep their ports, so clients and the quorum find them again. The quorum's voters are static
(`controller.quorum.voters`), which lets ports change from one start of the stack to the next.
"""

from __future__ import annotations

import base64
import json
import struct
import uuid
from collections.abc import Callable
from pathlib import Path

from tidelock.local.errors import BrokerCountChanged
from tidelock.local.java import JavaProgram
from tidelock.local.parts.part import Helper, Launch
from tidelock.local.parts.probe import exchange
from tidelock.local.ports import PortBook

_METADATA_V4_NO_TOPICS = struct.pack(">hhihi?", 3, 4, 1, -1, 0, False)
"""Header (api key, version, correlation, no client id), no topics, do not create any."""
FEW_CORES = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For a broker that shares few cores with everything else: the second compiler and the concurrent collector take most
of one for half a minute, and what waits is answered several times as late (`python -m bench.reads --only latency`).
"""
_LOG4J = Path(__file__).parents[1] / "kafka-log4j2.xml"

_COMMON = """\
process.roles=broker,controller
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
auto.create.topics.enable=false
unclean.leader.election.enable=false
message.max.bytes=1048576
log.retention.ms=-1
log.retention.bytes=-1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=4
num.io.threads=4
background.threads=4
metadata.max.idle.interval.ms=5000
broker.heartbeat.interval.ms=500
"""


class KafkaCluster:
    """What the brokers of one stack share: the directory, the cluster id, everybody's ports."""

    def __init__(self, home: Path, brokers: int, ports: PortBook, java: Callable[[], JavaProgram]) -> None:
        self.home = home / "kafka"
        self.size = brokers
        self.java = java
        self.book = ports
        self.client_ports = [0] * brokers
        self.controller_ports = [0] * brokers

    @property
    def address(self) -> str:
        """Bootstrap servers of the whole cluster."""
        return ",".join(f"127.0.0.1:{port}" for port in self.client_ports)

    @property
    def voters(self) -> str:
        """Value of `controller.quorum.voters`."""
        return ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(self.controller_ports))

    def cluster_id(self) -> str:
        """Return the id chosen when this directory was first used; raises BrokerCountChanged."""
        file = self.home / "cluster.json"
        if file.exists():
            saved = json.loads(file.read_text())
            if saved["brokers"] != self.size:
                raise BrokerCountChanged(self.home, saved["brokers"], self.size)
            return str(saved["id"])
        chosen = base64.urlsafe_b64encode(b"\x01" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        self.home.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".new")
        unfinished.write_text(json.dumps({"id": chosen, "brokers": self.size}))
        unfinished.replace(file)
        return chosen

    def parts(self) -> list[KafkaBroker]:
        """Return one part per broker."""
        return [KafkaBroker(self, node) for node in range(self.size)]


class KafkaBroker:
    """One broker of the cluster."""

    def __init__(self, cluster: KafkaCluster, node: int) -> None:
        self._cluster = cluster
        self._node = node
        self._dir = (cluster.home / str(node)).resolve()

    @property
    def name(self) -> str:
        """`kafka-0`, `kafka-1`, ..."""
        return f"kafka-{self._node}"

    @property
    def address(self) -> str:
        """This broker's client listener."""
        return f"127.0.0.1:{self._cluster.client_ports[self._node]}"

    def place(self, *, elsewhere: bool = False) -> None:
        """Choose the client and the controller port."""
        for role, ports in (
            ("client", self._cluster.client_ports),
            ("controller", self._cluster.controller_ports),
        ):
            if elsewhere:
                self._cluster.book.forget(f"{self.name}-{role}")
            ports[self._node] = self._cluster.book.take(f"{self.name}-{role}")

    async def prepare(self, run: Helper) -> None:
        """Format the storage, once."""
        cluster_id = self._cluster.cluster_id()
        self._write_properties()
        if (self._dir / "data" / "meta.properties").exists():
            return
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._properties))
        await run(self._java((*FEW_CORES, "-Xmx128m"), *tool))

    def launch(self) -> Launch:
        """Return the broker's command line, its configuration written afresh."""
        self._write_properties()
        heap = ("-Xmx512m", *FEW_CORES, "-XX:+ExitOnOutOfMemoryError")
        return self._java(heap, "kafka.Kafka", str(self._properties))

    async def ready(self) -> bool:
        """Say whether the broker answers and has joined its cluster: a fenced one is in nobody's metadata."""
        answer = await exchange(self._cluster.client_ports[self._node], _METADATA_V4_NO_TOPICS)
        return answer is not None and self._node in broker_ids(answer)

    async def settle(self) -> None:
        """Nothing to do: topics belong to those who use them."""

    @property
    def _properties(self) -> Path:
        return self._dir / "server.properties"

    def _java(self, flags: tuple[str, ...], *program: str) -> Launch:
        return self._cluster.java().launch(flags, f"-Dlog4j2.configurationFile={_LOG4J}", program)

    def _write_properties(self) -> None:
        cluster, node = self._cluster, self._node
        copies = min(3, cluster.size)
        own = {
            # A killed broker may register again only when its old session is over: with one broker that is
            # most of the time a restart takes. Several brokers share the processors, so they are given more.
            "broker.session.timeout.ms": 2000 if cluster.size == 1 else 3000,
            "node.id": node,
            "controller.quorum.voters": cluster.voters,
            "listeners": f"CLIENT://{self.address},CONTROLLER://127.0.0.1:{cluster.controller_ports[node]}",
            "advertised.listeners": f"CLIENT://{self.address}",
            "log.dirs": self._dir / "data",
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "offsets.topic.replication.factor": copies,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": max(1, copies - 1),
        }
        self._dir.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(_COMMON + "".join(f"{key}={value}\n" for key, value in own.items()))


def broker_ids(answer: bytes) -> set[int]:
    """Return the node ids in a Metadata v4 response: correlation, throttle, brokers, ..."""
    (count,) = struct.unpack_from(">i", answer, 8)
    at, ids = 12, set()
    for _ in range(count):
        node, host = struct.unpack_from(">ih", answer, at)
        (rack,) = struct.unpack_from(">h", answer, at + 6 + host + 4)
        at += 6 + host + 4 + 2 + max(rack, 0)
        ids.add(node)
    return ids

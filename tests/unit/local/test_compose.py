"""docker-compose.yml: accepted by `docker compose config` where there is one, and Kafka set up as locally."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tidelock.local.java import JavaProgram
from tidelock.local.parts.kafka import KafkaCluster
from tidelock.local.ports import PortBook

ROOT = Path(__file__).parents[3]
BROKER_ENV = ROOT / "deploy" / "kafka" / "broker.env"
SERVERS = {"kafka-0", "kafka-1", "kafka-2", "postgres", "redis", "influx", "grafana"}
OURS = {"worker-0", "worker-1", "projector", "processes-0", "processes-1", "api"}
SERVICES = SERVERS | OURS
OWN_TO_CONTAINERS = {"controller.quorum.voters", "listener.security.protocol.map", "log.dirs", "heap.opts"}


def _compose() -> list[str] | None:
    """Return the command of a compose client, as docker's plugin or alone."""
    if shutil.which("docker-compose") is not None:
        return ["docker-compose"]
    if shutil.which("docker") is None:
        return None
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker", "compose"] if asked.returncode == 0 else None


@pytest.mark.skipif(
    _compose() is None, reason="neither `docker compose` nor `docker-compose` on this machine"
)
def test_the_compose_client_accepts_the_file() -> None:
    client = _compose()
    assert client is not None
    argv = [
        *client,
        "--file",
        str(ROOT / "docker-compose.yml"),
        "--profile",
        "*",
        "config",
        "--format",
        "json",
    ]
    ran = subprocess.run(argv, capture_output=True, check=False, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    found = json.loads(ran.stdout)
    assert set(found["services"]) == SERVICES
    published = [port for service in found["services"].values() for port in service.get("ports", ())]
    assert all(port["host_ip"] == "127.0.0.1" for port in published)
    for service in found["services"].values():
        binds = [volume["source"] for volume in service.get("volumes", ()) if volume["type"] == "bind"]
        assert all(Path(source).exists() for source in binds)


def test_brokers_in_containers_treat_the_log_as_local_ones_do(tmp_path: Path) -> None:
    cluster = KafkaCluster(tmp_path, 3, PortBook(tmp_path / "ports.json"), lambda: JavaProgram(()))
    cluster.parts()[0].launch()
    local = _pairs(tmp_path / "kafka" / "0" / "server.properties")
    settings = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in _pairs(BROKER_ENV).items()
    }
    compared = settings.keys() - OWN_TO_CONTAINERS - {"cluster.id"}
    assert len(compared) > 15
    assert {name: settings[name] for name in compared} == {name: local.get(name) for name in compared}


def _pairs(file: Path) -> dict[str, str]:
    lines = (line for line in file.read_text().splitlines() if "=" in line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)

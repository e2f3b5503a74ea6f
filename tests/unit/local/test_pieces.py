"""The small pieces: logs' ends, the lock file of jars, Kafka's configuration and answers, the banner."""

from __future__ import annotations

import json
import struct
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tidelock.local.addresses import Addresses
from tidelock.local.banner import banner
from tidelock.local.errors import BrokerCountChanged
from tidelock.local.jars import pins
from tidelock.local.java import JavaProgram
from tidelock.local.journal import Journal, end_of, tail
from tidelock.local.parts.influx import find_binary
from tidelock.local.parts.kafka import KafkaCluster, broker_ids
from tidelock.local.ports import PortBook
from tidelock.local.settings import StackSettings
from tidelock.local.supervisor import Backoff
from tidelock.local.tokens import DEV, OPERATOR


def _cluster(home: Path, brokers: int) -> KafkaCluster:
    program = JavaProgram((Path("a.jar"), Path("b.jar")))
    return KafkaCluster(home, brokers, PortBook(home / "ports.json"), lambda: program)


def _properties(home: Path, brokers: int) -> dict[str, str]:
    cluster = _cluster(home, brokers)
    parts = cluster.parts()
    for part in parts:
        part.place()
    parts[0].launch()
    lines = (home / "kafka" / "0" / "server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_tail_shows_json_as_a_person_would_say_it(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    record = {"level": "ERROR", "message": "boom", "thrown": {"name": "Bang", "message": "why"}}
    event = {"event": "the database is not fit", "level": "error", "error": "gone", "projector": "p"}
    log.write_text("plain\n" + json.dumps(record) + "\n")
    size = end_of(log)
    with log.open("a") as out:
        out.write(json.dumps(event) + "\n")
    assert tail(log) == ("plain", "ERROR boom (Bang: why)", "error the database is not fit (gone)")
    assert tail(log, since=size) == ("error the database is not fit (gone)",)
    assert end_of(tmp_path / "absent.log") == 0
    assert tail(tmp_path / "absent.log") == ()


def test_the_journal_is_one_json_object_a_line(tmp_path: Path) -> None:
    Journal(tmp_path / "logs" / "stack.log").note("part_died", part="redis")
    assert json.loads((tmp_path / "logs" / "stack.log").read_text())["part"] == "redis"


def test_the_pinned_jars_are_those_of_kafka_4_3() -> None:
    known = {str(pin) for pin in pins()}
    assert {"org.apache.kafka:kafka_2.13:4.3.0", "org.apache.kafka:kafka-clients:4.3.0"} <= known
    assert all(len(pin.sha256) == 64 for pin in pins())


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(1, "1", "1"), (3, "3", "2"), (5, "3", "2")])
def test_replication_fits_the_number_of_brokers(
    tmp_path: Path, brokers: int, copies: str, in_sync: str
) -> None:
    found = _properties(tmp_path, brokers)
    assert found["offsets.topic.replication.factor"] == copies
    assert found["min.insync.replicas"] == in_sync
    assert found["controller.quorum.voters"].count("@") == brokers


def test_brokers_never_create_topics_nor_forget_records(tmp_path: Path) -> None:
    found = _properties(tmp_path, 1)
    assert found["auto.create.topics.enable"] == "false"
    assert found["unclean.leader.election.enable"] == "false"
    assert found["log.retention.ms"] == found["log.retention.bytes"] == "-1"
    assert found["listeners"].startswith("CLIENT://127.0.0.1:")


def test_a_directory_keeps_its_number_of_brokers(tmp_path: Path) -> None:
    first = _cluster(tmp_path, 1).cluster_id()
    assert _cluster(tmp_path, 1).cluster_id() == first
    with pytest.raises(BrokerCountChanged) as refused:
        _cluster(tmp_path, 3).cluster_id()
    assert (refused.value.have, refused.value.wanted) == (1, 3)


def test_broker_ids_are_read_from_a_metadata_answer() -> None:
    def broker(node: int, host: bytes, rack: bytes | None) -> bytes:
        tail_ = struct.pack(">h", -1) if rack is None else struct.pack(">h", len(rack)) + rack
        return struct.pack(">ih", node, len(host)) + host + struct.pack(">i", 9092) + tail_

    body = struct.pack(">iii", 1, 0, 2) + broker(0, b"127.0.0.1", None) + broker(7, b"h", b"rack")
    assert broker_ids(body) == {0, 7}


def test_backoff_doubles_to_its_limit() -> None:
    backoff = Backoff(first_s=0.2, most_s=5.0)
    assert [backoff.delay_s(n) for n in (0, 1, 2, 10, 10_000)] == [0.2, 0.4, 0.8, 5.0, 5.0]


def test_the_banner_says_where_everything_is_and_what_to_try() -> None:
    console = Console(width=120, record=True, file=StringIO())
    addresses = Addresses("127.0.0.1:1", "postgresql://x", None, None, ("127.0.0.1:2",))
    console.print(banner(addresses, StackSettings(kafka="127.0.0.1:1")))
    text = console.export_text()
    assert all(word in text for word in ("127.0.0.1:1", "yours", "postgresql://x", "off", "127.0.0.1:2"))
    assert text.count("tidelock ") >= 3


def test_influx_is_found_by_name_then_path_then_the_shared_copy(tmp_path: Path) -> None:
    program, packed = tmp_path / "influxd", tmp_path / "bin" / "influxd.xz"
    assert find_binary({"PATH": ""}) is None
    packed.parent.mkdir()
    packed.touch()
    assert find_binary({"PATH": "", "TIDELOCK_SHARED": str(tmp_path)}) == packed
    program.touch(mode=0o755)
    assert find_binary({"PATH": str(tmp_path), "TIDELOCK_SHARED": str(tmp_path)}) == program
    assert find_binary({"PATH": "", "INFLUXD": str(program)}) == program


def test_the_developers_token_is_chosen_once_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDELOCK_DEV_TOKEN", raising=False)
    assert DEV.known(tmp_path, {}) is None
    first = DEV.chosen(tmp_path)
    assert DEV.chosen(tmp_path) == first == DEV.known(tmp_path, {})
    assert DEV.known(tmp_path, {"TIDELOCK_DEV_TOKEN": "mine"}) == "mine"


def test_the_operators_token_is_another_and_nobody_else_may_read_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("TIDELOCK_DEV_TOKEN", OPERATOR.variable):
        monkeypatch.delenv(variable, raising=False)
    token = OPERATOR.chosen(tmp_path)
    assert token == OPERATOR.known(tmp_path, {}) != DEV.chosen(tmp_path)
    assert (tmp_path / "operator-token").stat().st_mode & 0o777 == 0o600

"""A worker that cannot start says which setting is to blame, ends with the code for it, and leaves nothing open."""

import asyncio
import signal
import socket
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from pydantic import ValidationError
from structlog.testing import capture_logs

from storage.kafka.topics import WrongPartitionCount
from streams.engine import worker
from streams.engine.configuration import WorkerSettings
from streams.engine.worker import EXIT_GROUP, EXIT_TOPICS, run
from streams.log.ports import LogUnavailable
from streams.ops.starting import EXIT_CONFIGURATION

FREE = "127.0.0.1:0"


class Part:
    """Something of Kafka's that is opened and closed; `broken` fails to open."""

    def __init__(self, name: str, kafka: "Kafka") -> None:
        self._name, self._kafka = name, kafka

    async def start(self) -> None:
        self._kafka.open.append(self._name)
        if self._name in self._kafka.broken:
            raise self._kafka.broken[self._name]
        if self._name == "membership":
            self._kafka.joined(self)

    async def stop(self) -> None:
        self._kafka.closed.append(self._name)

    close = stop


class Kafka:
    """Stands in for everything of Kafka's that the worker opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open: list[str] = []
        self.closed: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.joined: Callable[[Any], None] = lambda _: signal.raise_signal(signal.SIGTERM)
        self.lost: Callable[[Exception], None] | None = None
        monkeypatch.setattr(worker, "AIOKafkaAdminClient", lambda **_: Part("admin", self))
        monkeypatch.setattr(worker, "consumer", lambda _: Part("lookups", self))
        monkeypatch.setattr(worker, "KafkaDeadLetters", lambda _: Part("dead letters", self))
        monkeypatch.setattr(worker, "Membership", self._membership)
        for name in ("create_topics", "check_topics"):
            monkeypatch.setattr(worker, name, self._topics)

    def _membership(self, *given: Any) -> Part:
        self.lost = given[4]
        return Part("membership", self)

    async def _topics(self, *_: object) -> None:
        if "topics" in self.broken:
            raise self.broken["topics"]


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    return Kafka(monkeypatch)


def settings(**changed: Any) -> WorkerSettings:
    given = {"kafka": "k:1", "worker_listen": FREE, "worker_metrics": FREE}
    return WorkerSettings(**(given | changed))


async def test_it_ends_well_and_closes_what_it_opened(kafka: Kafka) -> None:
    assert await run(settings()) == 0
    assert kafka.open == ["admin", "admin", "lookups", "dead letters", "membership"]
    assert kafka.closed == ["admin", "membership", "dead letters", "lookups", "admin"]


async def test_without_its_place_in_the_group_it_ends_with_the_code_for_it(kafka: Kafka) -> None:
    def refused(_: object) -> None:
        assert kafka.lost is not None
        kafka.lost(RuntimeError("planted"))

    kafka.joined = refused
    with capture_logs() as logs:
        assert await run(settings()) == EXIT_GROUP
    assert "the place in the group is lost; start again" in [line["event"] for line in logs]


@pytest.mark.parametrize("broken", ["admin", "lookups", "dead letters", "membership"])
@pytest.mark.parametrize(
    "error", [KafkaConnectionError("planted"), LogUnavailable("planted"), TimeoutError("planted")], ids=repr
)
async def test_kafka_that_goes_away_while_it_starts(kafka: Kafka, broken: str, error: Exception) -> None:
    kafka.broken[broken] = error
    with capture_logs() as logs:
        assert await run(settings()) == EXIT_TOPICS
    (told,) = logs
    assert (told["event"], told["code"]) == ("Kafka cannot be reached", "KAFKA_UNREACHABLE")
    assert "TIDELOCK_KAFKA=k:1" in told["error"]
    assert sorted(kafka.closed) == sorted(kafka.open)


async def test_topics_that_are_not_fit(kafka: Kafka) -> None:
    kafka.broken["topics"] = WrongPartitionCount("tidelock.locks.log", 8, 4)
    with capture_logs() as logs:
        assert await run(settings()) == EXIT_TOPICS
    assert [(line["event"], line["code"]) for line in logs] == [
        ("topics are not fit", "WRONG_PARTITION_COUNT")
    ]
    assert sorted(kafka.closed) == sorted(kafka.open)


async def test_partitions_of_a_kind_that_there_is_not_are_refused(kafka: Kafka) -> None:
    with capture_logs() as logs:
        assert await run(settings(kind_partitions={"locks": 8, "lock": 8})) == EXIT_CONFIGURATION
    (told,) = logs
    assert (told["code"], "names lock," in told["error"]) == ("NO_SUCH_KIND", True)
    assert kafka.open == []


@pytest.mark.parametrize("setting", ["worker_listen", "worker_metrics"])
async def test_a_port_that_is_taken_is_named_by_its_setting(kafka: Kafka, setting: str) -> None:
    with socket.socket() as taken, capture_logs() as logs:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert await run(settings(**{setting: address})) == EXIT_CONFIGURATION
    (told,) = logs
    assert told["code"] == "CANNOT_LISTEN"
    assert f"TIDELOCK_{setting.upper()}={address}" in told["error"]
    assert sorted(kafka.closed) == sorted(kafka.open)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"worker_listen": "7400"},
        {"worker_metrics": "localhost:http"},
        {"kind_partitions": {"locks": 0}},
        {"operator_token": "short"},
        {"operator_token": "with a space in the middle"},
        {"operator_token": "the-same-for-everybody", "dev_token": "the-same-for-everybody"},
        {"system_token": "the-same-for-everybody", "dev_token": "the-same-for-everybody"},
        {"system_token": "the-same-for-everybody", "operator_token": "the-same-for-everybody"},
    ],
    ids=str,
)
def test_settings_that_are_not_usable_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)
    assert settings(operator_token="").operator_token is None


def test_the_development_token_has_the_roles_that_no_other_token_is_there_for() -> None:
    assert settings().dev_roles == ("OPERATOR", "SYSTEM")
    assert settings(system_token="of-our-own-processes").dev_roles == ("OPERATOR",)
    assert settings(dev_operator=False, system_token="of-our-own-processes").dev_roles == ()


def test_settings_that_are_not_usable_are_told_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
    monkeypatch.setenv("TIDELOCK_DEV_TOKEN", "very-secret-token")
    monkeypatch.setenv("TIDELOCK_PARTITIONS", "none")
    assert worker.main() == EXIT_CONFIGURATION
    said = capsys.readouterr().err
    assert "partitions" in said
    assert "secret" not in said

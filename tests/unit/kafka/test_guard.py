"""Topics are looked at before each ownership: drift is refused, a look that fails is not held against them."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from storage.kafka import guard
from storage.kafka.guard import GuardedPorts, TopicGuard
from storage.kafka.log import KafkaDeadLetters
from storage.kafka.topics import TopicDrift, TopicSettings, WrongPartitionCount
from streams.log.ports import PortError
from streams.log.positions import PartitionId

WHERE = PartitionId("locks", 0)
SETTINGS = TopicSettings(partitions=4)


class Admin:
    """Tells of topics that are as wanted, but for what is `changed`."""

    def __init__(
        self, error_code: int = 0, raises: Exception | None = None, partitions: int = 4, **changed: str
    ) -> None:
        self.error_code = error_code
        self.partitions = partitions
        self.raises = raises
        self.changed = {key.replace("_", "."): value for key, value in changed.items()}
        self.asked: list[list[str]] = []

    async def describe_topics(self, topics: list[str]) -> list[dict[str, Any]]:
        return [
            {"topic": topic, "error_code": self.error_code, "partitions": [{}] * self.partitions}
            for topic in topics
        ]

    async def describe_configs(self, resources: list[Any]) -> list[Any]:
        self.asked.append([resource.name for resource in resources])
        if self.raises is not None:
            raise self.raises
        entries = list((SETTINGS.configuration() | self.changed).items())
        found = [(self.error_code, "", 2, resource.name, entries) for resource in resources]
        return [SimpleNamespace(resources=found)]


async def test_topics_as_wanted_pass() -> None:
    admin = Admin()
    await TopicGuard(admin, SETTINGS).check(WHERE)
    assert admin.asked == [["tidelock.locks.log", "tidelock.locks.commands"]]


@pytest.mark.parametrize("partitions", [3, 8])
async def test_a_topic_whose_partition_count_was_altered_gets_no_writer(partitions: int) -> None:
    with pytest.raises(WrongPartitionCount, match=f"has {partitions} partitions"):
        await TopicGuard(Admin(partitions=partitions), SETTINGS).check(WHERE)


async def test_a_drifted_topic_gets_no_writer_until_it_is_repaired() -> None:
    admin = Admin(retention_ms="1000")
    letters = KafkaDeadLetters(lambda: None)
    ports = GuardedPorts("127.0.0.1:1", WHERE, letters, None, TopicGuard(admin, SETTINGS))
    with pytest.raises(TopicDrift, match=r"retention\.ms is '1000'") as refused:
        await ports.writer()
    assert isinstance(refused.value, PortError), "an owner tries again after these"


@pytest.mark.parametrize("admin", [Admin(raises=KafkaConnectionError()), Admin(error_code=7)])
async def test_a_look_that_fails_keeps_nobody_from_owning(admin: Admin) -> None:
    with capture_logs() as logs:
        await TopicGuard(admin, SETTINGS).check(WHERE)
    assert [line["event"] for line in logs] == ["the topics could not be looked at"]


async def test_a_broker_that_hangs_costs_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LOOK_S", 0.01)

    class Hanging(Admin):
        async def describe_configs(self, resources: list[Any]) -> list[Any]:
            await asyncio.Event().wait()
            return []

    with capture_logs():
        await TopicGuard(Hanging(), SETTINGS).check(WHERE)

"""Three brokers: the one that leads a changelog is killed, twice, and tables stay exact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.tables.stage import TOPIC, Stage
from tests.integration.engine.cluster import until
from tidelock.local.testing import stack_for_tests

pytestmark = [pytest.mark.integration, pytest.mark.asyncio, pytest.mark.xdist_group("brokers")]
LOSSES = 2
PATIENCE_S = 180.0


async def partitions(kafka: str) -> list[dict[str, Any]]:
    """Return the changelog's partitions, with leader and in-sync replicas; none while the brokers do not say."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=3000)
    try:
        await admin.start()
        found: list[dict[str, Any]] = (await admin.describe_topics([TOPIC]))[0]["partitions"]
        return sorted(found, key=lambda each: int(each["partition"]))
    except (KafkaError, TimeoutError, OSError):
        return []
    finally:
        await admin.close()


async def test_the_leader_of_a_changelog_is_killed_and_tables_stay_exact(tmp_path: Path) -> None:
    async with stack_for_tests(tmp_path / "stack", ("kafka", "postgres"), brokers=3) as stack:
        stage, lost = Stage(stack, tmp_path), list[int]()

        async def whole() -> bool:
            return all(len(each["isr"]) == 3 for each in await partitions(stage.kafka) or [{"isr": ()}])

        async def lose_leaders() -> None:
            for _ in range(LOSSES):
                await stage.more_batches(20)
                await until(whole, PATIENCE_S)
                leader = int((await partitions(stage.kafka))[0]["leader"])
                stack.part(f"kafka-{leader}").kill()
                lost.append(leader)
                await stage.more_batches(40)
                await stack.part(f"kafka-{leader}").wait_ready()

        await stage.prepare(replication=3)
        assert await stage.run(0, beside=lose_leaders) == {}
        assert stage.backward == []
        assert len(lost) == LOSSES

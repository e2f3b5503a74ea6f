"""`queue create` and `queue configure`: every setting of the client is an option of both."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from streams.domain.queues.limits import refuse_settings
from streams.domain.queues.settings import QueueSettings
from tests.unit.cli.conftest import Cli
from tidelock.cli import exits, queue_manage
from tidelock.cli.queue_settings import SETTINGS
from tidelock.client.queues.terms import DEFAULTS, QueueOptions, settings_of

GIVEN: dict[str, Any] = {
    "max_attempts": 3, "lease": 2.5, "backoff_min": 1.5, "backoff_max": 60.0, "backoff_factor": 1.5, "jitter": 0.5,
    "dead_letter_queue": "orders-dead", "dedup_window": 0.0, "max_depth": 10, "max_bytes": 1_000, "max_payload": 100,
    "overflow": "DEAD_LETTER_OLDEST", "default_priority": 0, "aging": 30.0,
}  # fmt: skip


class Made:
    """Remembers what it was asked."""

    asked: dict[str, Any]

    async def create(self, **given: Any) -> None:
        self.asked = given

    async def configure(self, **given: Any) -> QueueSettings:
        self.asked = given
        return DEFAULTS


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    one = Made()

    def on_queue(home: Path, name: str, do: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run(do(one))

    monkeypatch.setattr(queue_manage, "on_queue", on_queue)
    return one


def args(given: dict[str, Any]) -> list[str]:
    return [word for name, each in given.items() for word in (f"--{name.replace('_', '-')}", str(each))]


def test_each_setting_of_the_client_is_an_option() -> None:
    assert SETTINGS.keys() == GIVEN.keys() == QueueOptions.__annotations__.keys() - {"paused", "broadcast"}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("command", ["create", "configure"])
def test_a_setting_is_passed_on_as_the_client_has_it(cli: Cli, made: Made, command: str, name: str) -> None:
    assert cli("queue", command, "orders", *args({name: GIVEN[name]})).code == exits.OK
    assert made.asked.pop("shards", 1) == 1
    assert made.asked == {name: GIVEN[name]}


def test_all_of_them_together_make_a_queue(cli: Cli, made: Made) -> None:
    assert cli("queue", "create", "orders", "--shards", "2", "--broadcast", *args(GIVEN)).code == exits.OK
    assert made.asked == GIVEN | {"shards": 2, "broadcast": True}
    assert refuse_settings("orders", settings_of(**GIVEN)) is None


def test_no_dead_letter_queue_is_a_setting_too(cli: Cli, made: Made) -> None:
    assert cli("queue", "configure", "orders", "--dead-letter-queue", "").code == exits.OK
    assert made.asked == {"dead_letter_queue": None}

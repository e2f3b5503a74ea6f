"""`queue ack|nack|extend`: what another process leased is settled by the receipts that it told."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Cli
from tidelock import errors
from tidelock.cli import exits, queue_receipts
from tidelock.client.errors import ReceiptInvalid

GOOD, LATE = "0.1.7", "1.2.7"


class Source:
    """Takes every receipt but the late one; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: errors.TidelockError = ReceiptInvalid(
            "It was settled.", details=(("problem", "NOT_LEASED"),)
        )

    async def ack(self, receipt: str) -> None:
        self._take("ack", receipt)

    async def nack(self, receipt: str, **given: Any) -> None:
        self._take("nack", receipt, given)

    async def extend(self, receipt: str, **given: Any) -> None:
        self._take("extend", receipt, given)

    def _take(self, *asked: Any) -> None:
        self.asked.append(asked)
        if asked[1] == LATE:
            raise self.error


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    one = Source()

    def on_source(
        home: Path, name: str, subscription: str, do: Callable[[Any], Coroutine[Any, Any, Any]]
    ) -> Any:
        return asyncio.run(do(one))

    monkeypatch.setattr(queue_receipts, "on_source", on_source)
    return one


@pytest.mark.parametrize(
    ("args", "asked", "done"),
    [
        (("ack",), ("ack", GOOD), "acknowledged"),
        (
            ("nack", "--delay", "5", "--reason", "no stock"),
            ("nack", GOOD, {"delay": 5.0, "reason": "no stock", "returned": False}),
            "failed",
        ),
        (
            ("nack", "--return"),
            ("nack", GOOD, {"delay": None, "reason": "by hand", "returned": True}),
            "returned",
        ),
        (("extend", "--lease", "60"), ("extend", GOOD, {"lease": 60.0}), "extended"),
    ],
)
def test_a_receipt_is_settled(
    cli: Cli, source: Source, args: tuple[str, ...], asked: tuple[Any, ...], done: str
) -> None:
    ran = cli("queue", args[0], "orders", GOOD, *args[1:])
    assert (ran.code, ran.out) == (exits.OK, f"{done} {GOOD}\n")
    assert source.asked == [asked]


def test_each_receipt_is_told_of_and_one_that_holds_no_longer_decides_the_exit_code(
    cli: Cli, source: Source
) -> None:
    ran = cli("queue", "ack", "orders", LATE, GOOD, GOOD)
    assert (ran.code, ran.out) == (exits.NO, f"acknowledged {GOOD}\n")
    assert ran.err.startswith(f"RECEIPT_INVALID: {LATE}: ")
    told = json.loads(cli("queue", "ack", "orders", LATE, GOOD, "--json").out)
    assert told["acknowledged"] == [GOOD]
    assert told["refused"] == [{"receipt": LATE, "problem": "NOT_LEASED"}]


def test_what_else_goes_wrong_is_told_after_what_went_well(cli: Cli, source: Source) -> None:
    source.error = errors.OutcomeUnknown("Nobody answered.")
    ran = cli("queue", "ack", "orders", LATE, GOOD)
    assert (ran.code, ran.out) == (exits.UNKNOWN, f"acknowledged {GOOD}\n")


def test_a_receipt_that_is_none_is_wrong_use_and_nothing_is_settled(cli: Cli, source: Source) -> None:
    assert cli("queue", "ack", "orders", GOOD, "1.2").code == exits.USAGE
    assert source.asked == []

"""What is going on now, on a real stack: in GraphQL from Redis, on the command line from Kafka, the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.api.stage import ACQUIRE, RELEASE, Stage, session, until
from tests.integration.cli.conftest import Cli

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

NAME = "windows/fought-over"
WINDOWS = """query ($kind: String!, $name: String) { windows(kind: $kind, name: $name) { asOf { positions }
    windows { open commands rejected holds { count } busiest { name count } } } }"""
COUNTED = ("commands", "rejected")


async def test_what_goes_on_is_looked_up_while_it_does(stage: Stage) -> None:
    mine = session()
    taken = await stage.do(ACQUIRE, session=mine, name=NAME, terms={"ttlMs": 60_000})
    refused = await stage.do(ACQUIRE, session=session(), name=NAME, terms={"ttlMs": 1000, "waitMs": 0})
    assert refused["__typename"] == "Refusal"
    await stage.do(RELEASE, session=mine, name=NAME, token=taken["token"])

    async def asked(name: str | None = NAME) -> list[dict[str, Any]]:
        """Windows live in hot copies alone, which a spec before this one may have taken away: they come again."""
        answer = await stage.post(WINDOWS, node=1, kind="locks", name=name)
        if "errors" in answer:
            assert {error["extensions"]["code"] for error in answer["errors"]} == {"READS_UNAVAILABLE"}
            return []
        return list(answer["data"]["windows"]["windows"])

    async def told() -> Any:
        """Whether the minute turned over in between or not."""
        windows = await asked()
        found = {each: sum(int(window[each]) for window in windows) for each in COUNTED}
        held = sum(int(window["holds"]["count"]) for window in windows)
        return windows if (found, held) == ({"commands": 3, "rejected": 1}, 1) else None

    await until(told)
    whole = await until(lambda: asked(None))
    assert sum(int(window["commands"]) for window in whole) >= 3
    assert all(window["busiest"] for window in whole)
    shown = (await Cli(stage.stack)("window", "show", "locks", NAME, "--json")).json
    assert sum(window["commands"] for window in shown["windows"]) == 3
    listed = (await Cli(stage.stack)("window", "list", "locks", "--limit", "10000", "--json")).json
    assert NAME in {each["name"] for each in listed["windows"]}

    async def still_open() -> bool:
        """Something happens each time, so that a minute that has just turned over does not count."""
        again = await stage.do(ACQUIRE, session=mine, name=NAME, terms={"ttlMs": 60_000})
        await stage.do(RELEASE, session=mine, name=NAME, token=again["token"])
        windows = await asked()
        return bool(windows) and bool(windows[0]["open"])

    await until(still_open)

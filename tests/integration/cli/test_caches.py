"""`tidelock cache` against a real worker and a real log, beside a client that keeps lines."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import tidelock
from tests.integration.cli.conftest import TIMEOUT_S, Cli
from tidelock.local.tokens import DEV

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("cli"),
]


async def test_an_entry_from_its_first_value_to_its_end(cli: Cli, tmp_path: Path) -> None:
    assert (await cli("cache", "create", "prices", "--shards", "2", "--json")).json["created"] is True
    watching = await cli.start("cache", "watch", "prices", "--entry", "x", "--json")
    assert watching.stdout is not None
    assert watching.stderr is not None
    assert b"watching" in await asyncio.wait_for(watching.stderr.readline(), TIMEOUT_S)
    stack = cli.stack
    token = DEV.chosen(stack.settings.home)
    async with tidelock.connect(*stack.addresses.workers, token=token, client_id="reader") as client:
        assert (await cli("cache", "put", "prices", "x", "1", "--tag", "t")).code == 0
        assert await client.cache("prices").get("x") == b"1"
        view = (await cli("cache", "entry", "prices", "x", "--json")).json
        assert [(line["client"], line["state"]) for line in view["lines"]] == [("reader", "EXCLUSIVE")]
        assert (await cli("cache", "put", "prices", "x", "2")).code == 0
        assert await client.cache("prices").get("x") == b"2"
        await client.cache("prices").put("x", b"3", keep="MODIFIED")
        await client.cache("prices").put("x", b"4", keep="MODIFIED")
        assert (await cli("cache", "get", "prices", "x")).out == "4\n"
    path = tmp_path / "entries"
    path.write_text('{"entry":"x","value":"other"}\n{"entry":"y","value":{"cents":1}}\n')
    warmed = (await cli("cache", "warm", "prices", str(path), "--json")).json
    assert (warmed["warmed"], warmed["skipped"]) == (1, 1)
    shown = (await cli("cache", "show", "prices", "--json")).json
    assert (shown["entries"], len(shown["shards"]), shown["listeners"]) == (2, 2, 0)
    listed = [json.loads(line) for line in (await cli("cache", "list", "--json")).out.splitlines()]
    assert [(one["cache"], one["shards"], one["entries"]) for one in listed] == [("prices", 2, 2)]
    assert (await cli("cache", "delete", "prices", "x")).code == 0

    seen = [json.loads(await asyncio.wait_for(watching.stdout.readline(), TIMEOUT_S)) for _ in range(6)]
    watching.terminate()
    await watching.wait()
    assert [one["kind"] for one in seen] == [
        "WRITTEN", "CALLED", "WRITTEN", "WRITTEN", "RECALLED", "WRITTEN_BACK",
    ]  # fmt: skip
    assert seen[1]["holder"]["client"] == "reader"
    told = [
        json.loads(line) for line in (await cli("cache", "history", "prices", "x", "--json")).out.splitlines()
    ]
    assert {one["position"] for one in seen} <= {one["position"] for one in told}
    assert (told[0]["what"], told[-1]["what"]) == ("WRITTEN", "DELETED")
    acknowledged = [one["text"] for one in told if one["what"] == "ACKNOWLEDGED"]
    assert any("/reader acknowledged, " in text for text in acknowledged)
    explained = await cli("explain", "cache", "prices", "x")
    assert explained.code == 0, explained.err
    assert "The write of" in explained.out
    assert "/reader acknowledged" in explained.out
    missing = await cli("cache", "get", "prices", "x")
    assert (missing.code, missing.out) == (1, "")

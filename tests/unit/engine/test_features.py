"""A feature level is activated when an operator asks and every live worker can follow; `tidelock feature` asks."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from typer.testing import CliRunner

from streams.engine.features import LevelUnsupported, MembersUnknown, activate
from streams.engine.status import serve_status
from tests.unit.engine.harness import PATIENCE_S, until
from tests.unit.engine.lane import LOCKS_0, TOKEN, Lane, serving
from tidelock.cli import exits, feature_ask
from tidelock.cli.exits import NothingToTalkTo, exit_code_of
from tidelock.cli.feature import feature_app
from tidelock.cli.feature_ask import FeatureRefused, NotActivated, levels_of

ME = "w1@127.0.0.1:1"
RUNNER = CliRunner()


async def in_group(lane: Lane, **others: int) -> None:
    """Have the group tell that it is ours and the others', with the levels they support."""
    levels = {ME: lane.max_level} | others
    await lane.roster.assigned(frozenset({LOCKS_0}), {LOCKS_0: "127.0.0.1:1"}, levels)


def active(lane: Lane) -> int:
    return lane.roster.owners[LOCKS_0].reader.head.active


async def test_it_is_activated_when_every_member_supports_it() -> None:
    async with serving(max_level=2) as lane:
        await in_group(lane, other=3)
        assert activate(lane.roster, 2) == (LOCKS_0,)
        await until(lambda: active(lane) == 2)
        assert activate(lane.roster, 2) == ()


async def test_a_member_below_is_named_and_nothing_is_activated() -> None:
    async with serving(max_level=2) as lane:
        await in_group(lane, old=1, older=0)
        with pytest.raises(
            LevelUnsupported, match=r"beyond these workers: old \(up to 1\), older \(up to 0\)"
        ):
            activate(lane.roster, 2)
        assert active(lane) == 1


async def test_without_news_of_the_group_nothing_is_activated() -> None:
    async with serving(max_level=2) as lane:
        with pytest.raises(MembersUnknown):
            activate(lane.roster, 2)


@asynccontextmanager
async def shown(lane: Lane) -> AsyncIterator[str]:
    """The address of its /status, on a thread as in a worker."""
    server = serve_status("127.0.0.1:0", lane.roster, asyncio.get_running_loop())
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


def post(address: str, path: str, token: str) -> tuple[int, Mapping[str, object]]:
    asked = urllib.request.Request(
        f"http://{address}{path}", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize(
    ("path", "token", "status", "code"),
    [
        ("/features/2", "guessed", 401, "UNAUTHENTICATED"),
        ("/features/two", TOKEN, 400, "BAD_LEVEL"),
        ("/features/0", TOKEN, 400, "BAD_LEVEL"),
        ("/features/" + "9" * 5000, TOKEN, 400, "BAD_LEVEL"),
        ("/features/3", TOKEN, 409, "LEVEL_UNSUPPORTED"),
        ("/features/2", TOKEN, 202, None),
    ],
)
async def test_over_http_it_takes_the_token_and_a_level(
    path: str, token: str, status: int, code: str | None
) -> None:
    async with serving(max_level=2) as lane, shown(lane) as address:
        await in_group(lane)
        answered, told = await asyncio.to_thread(post, address, path, token)
        assert (answered, told.get("code")) == (status, code)
        if code is None:
            assert told == {"asked": ["locks/0"]}
            await until(lambda: active(lane) == 2)
        else:
            assert active(lane) == 1


async def run(*args: str) -> tuple[int, str, BaseException | None]:
    """Run `tidelock feature ...` in a thread, while this loop serves it."""
    found = await asyncio.to_thread(RUNNER.invoke, feature_app, list(args))
    return found.exit_code, found.output, found.exception


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("METRICS", "WORKERS", "DEV_TOKEN"):
        monkeypatch.delenv(f"TIDELOCK_{name}", raising=False)
    monkeypatch.setenv("TIDELOCK_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("TIDELOCK_KAFKA", "nowhere:1")
    monkeypatch.setenv("TIDELOCK_TOKEN", TOKEN)


async def test_the_command_activates_it_and_shows_where() -> None:
    async with serving(max_level=2) as lane, shown(lane) as address:
        await in_group(lane)
        code, output, _ = await run("status", "--metrics", address, "--json")
        assert (code, json.loads(output)) == (0, {"members": {ME: 2}, "partitions": {"locks/0": 1}})
        code, output, _ = await run("activate", "2", "--metrics", address, "--json")
        assert (code, json.loads(output)) == (0, {"members": {ME: 2}, "partitions": {"locks/0": 2}})
        code, output, _ = await run("activate", "2", "--metrics", address)
        assert code == 0
        assert f"worker {ME} supports up to level 2" in output


async def test_the_command_refuses_with_the_names_of_those_below() -> None:
    async with serving(max_level=1) as lane, shown(lane) as address:
        await in_group(lane)
        _, _, error = await run("activate", "2", "--metrics", address)
        assert isinstance(error, FeatureRefused)
        assert exit_code_of(error) == exits.NO
        assert f"{ME} (up to 1)" in str(error)
        assert active(lane) == 1


async def test_a_member_that_is_not_asked_is_named() -> None:
    async with serving(max_level=2) as lane, shown(lane) as address:
        await in_group(lane, **{"w2@elsewhere:1": 2})
        _, _, error = await run("activate", "2", "--metrics", address)
        assert isinstance(error, NothingToTalkTo)
        assert "w2@elsewhere:1" in str(error)
        assert active(lane) == 1


async def test_a_partition_that_nobody_decides_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_ask, "FOLLOW_S", 0.0)
    lane = Lane(max_level=2)
    async with shown(lane) as address:
        await lane.roster.assigned(frozenset(), {LOCKS_0: "127.0.0.1:1"}, {ME: 2})
        _, _, error = await run("activate", "2", "--metrics", address)
        assert isinstance(error, NotActivated)
        assert "locks/0" in str(error)


def answering(told: dict[str, object], status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, json=told)


@pytest.mark.parametrize(
    ("worker", "error"),
    [
        (answering({}, 500), NothingToTalkTo),
        (answering({"worker": "w1", "partitions": []}), FeatureRefused),
        (answering({"member": ME, "levels": {}, "routes": {}, "partitions": []}), NothingToTalkTo),
    ],
    ids=["down", "an older release", "not in the group"],
)
async def test_whoever_cannot_tell_is_told_apart(
    worker: Callable[[httpx.Request], httpx.Response], error: type[Exception]
) -> None:
    async with httpx.AsyncClient(transport=httpx.MockTransport(worker)) as http:
        with pytest.raises(error):
            await levels_of(http, ["w1:9400"])
        with pytest.raises(NothingToTalkTo, match="--metrics"):
            await levels_of(http, [])

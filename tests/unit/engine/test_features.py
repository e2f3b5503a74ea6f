"""A feature level is activated when an operator asks and every live worker can follow; `tidelock feature` asks."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import httpx
import pytest
from typer.testing import CliRunner

from streams.domain.locks.commands import EXCLUSIVE, AcquireLock
from streams.engine import status
from streams.engine.features import LevelUnsupported, MembersUnknown, activate
from streams.engine.status import serve_status
from tests.unit.engine.harness import PATIENCE_S, turns, until
from tests.unit.engine.lane import LOCKS_0, OPERATOR, TOKEN, Lane, connected, serving
from tidelock.cli import exits, feature_ask
from tidelock.cli.exits import NothingToTalkTo, exit_code_of
from tidelock.cli.feature import feature_app
from tidelock.cli.feature_ask import FeatureRefused, NotActivated, NotTheOperator, levels_of

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
        ("/features/2", "gueßed", 401, "UNAUTHENTICATED"),
        ("/features/2", TOKEN, 401, "UNAUTHENTICATED"),
        ("/features/two", OPERATOR, 400, "BAD_LEVEL"),
        ("/features/0", OPERATOR, 400, "BAD_LEVEL"),
        ("/features/" + "9" * 5000, OPERATOR, 400, "BAD_LEVEL"),
        ("/features/3", OPERATOR, 409, "LEVEL_UNSUPPORTED"),
        ("/features/2", OPERATOR, 202, None),
    ],
)
async def test_over_http_it_takes_the_operators_token_and_a_level(
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


async def test_without_an_operators_token_nobody_may() -> None:
    async with serving(max_level=2, operator=None) as lane, shown(lane) as address:
        await in_group(lane)
        for token in (TOKEN, "", "None"):
            answered, told = await asyncio.to_thread(post, address, "/features/2", token)
            assert (answered, told["code"]) == (403, "OPERATOR_UNKNOWN")
            assert "TIDELOCK_OPERATOR_TOKEN" in str(told["error"])
        assert active(lane) == 1


async def test_a_busy_worker_says_so_and_forgets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "ASK_S", 0.01)
    async with serving(max_level=2) as lane, shown(lane) as address:
        await in_group(lane)
        with ThreadPoolExecutor(1) as beside:  # and this loop, which is the worker's, is kept busy meanwhile
            answered, told = beside.submit(post, address, "/features/2", OPERATOR).result(PATIENCE_S)
        assert (answered, told["code"]) == (503, "WORKER_BUSY")
        await turns()
        assert active(lane) == 1


async def test_what_is_not_yet_in_the_log_is_taken_back_when_a_member_below_joins() -> None:
    async with serving(max_level=2) as lane:
        await in_group(lane)
        async with connected(lane) as client:
            lane.broker.held = True
            client.command(AcquireLock("x", EXCLUSIVE, 60_000), 1)
            await until(lambda: bool(lane.broker.waiting))
            assert activate(lane.roster, 2) == (LOCKS_0,)
            await in_group(lane, old=1)
            lane.broker.held = False
            lane.broker.release()
            await client.answers()
            await turns()
        assert active(lane) == 1
        await in_group(lane)
        assert activate(lane.roster, 2) == (LOCKS_0,)
        await until(lambda: active(lane) == 2)
        await in_group(lane, old=1)
        assert active(lane) == 2


async def run(*args: str) -> tuple[int, str, BaseException | None]:
    """Run `tidelock feature ...` in a thread, while this loop serves it."""
    found = await asyncio.to_thread(RUNNER.invoke, feature_app, list(args))
    return found.exit_code, found.output, found.exception


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in ("METRICS", "WORKERS", "DEV_TOKEN", "TOKEN"):
        monkeypatch.delenv(f"TIDELOCK_{name}", raising=False)
    monkeypatch.setenv("TIDELOCK_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("TIDELOCK_KAFKA", "nowhere:1")
    monkeypatch.setenv("TIDELOCK_OPERATOR_TOKEN", OPERATOR)


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


async def test_without_the_operators_token_the_command_says_which_setting_it_wants(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TIDELOCK_OPERATOR_TOKEN")
    monkeypatch.setenv("TIDELOCK_TOKEN", TOKEN)
    async with serving(max_level=2) as lane, shown(lane) as address:
        await in_group(lane)
        _, _, error = await run("activate", "2", "--metrics", address)
        assert isinstance(error, NotTheOperator)
        assert "TIDELOCK_OPERATOR_TOKEN" in str(error)
        assert active(lane) == 1


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


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (httpx.Response(500, text="A server error occurred."), FeatureRefused, "HTTP 500 A server error"),
        (httpx.Response(502, json=["a proxy's"]), FeatureRefused, "HTTP 502"),
        (
            httpx.Response(503, json={"code": "WORKER_BUSY", "error": "w1 is too busy."}),
            NotActivated,
            "too busy",
        ),
    ],
    ids=["plain text", "another shape", "busy"],
)
async def test_what_a_worker_answers_is_told_in_whatever_form(
    answer: httpx.Response, error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_ask, "FOLLOW_S", 0.05)
    monkeypatch.setattr(feature_ask, "PAUSE_S", 0.06)
    led = {"kind": "locks", "partition": 0, "phase": "leading", "feature_level": 1}
    told = {"member": ME, "levels": {ME: 2}, "routes": {"locks/0": "w1:1"}, "partitions": [led]}

    def worker(request: httpx.Request) -> httpx.Response:
        return answer if request.method == "POST" else httpx.Response(200, json=told)

    async with httpx.AsyncClient(transport=httpx.MockTransport(worker)) as http:
        with pytest.raises(error, match=said):
            await feature_ask.activate(http, ["w1:9400"], OPERATOR, 2)

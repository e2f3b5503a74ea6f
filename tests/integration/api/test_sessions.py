"""What a session holds, any node can renew and release: beside another one, and after a restart."""

import asyncio
import signal
from typing import Any

import httpx
import pytest

from tests.integration.api.stage import ACQUIRE, LOCK, RELEASE, RENEW, Stage, session, until

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]


async def test_one_reads_what_one_wrote(stage: Stage) -> None:
    mine = session()
    for turn in range(20):
        granted = await stage.do(ACQUIRE, turn % 2, session=mine, name="ryw")
        seen = (await stage.ask(LOCK, (turn + 1) % 2, name="ryw", notBefore=granted["position"]))["lock"]
        assert [(one["client"], one["token"]) for one in seen["holders"]] == [
            (f"gql-{mine}", granted["token"])
        ]
        assert granted["position"] in seen["asOf"]["positions"]
        released = await stage.do(RELEASE, turn % 2, session=mine, name="ryw", token=granted["token"])
        freed = (await stage.ask(LOCK, (turn + 1) % 2, name="ryw", notBefore=released["position"]))["lock"]
        assert (freed["mode"], freed["holders"]) == ("FREE", [])


async def test_a_node_renews_and_releases_what_another_acquired(stage: Stage) -> None:
    mine, name = session(), "sessions/two-nodes"
    granted = await stage.do(ACQUIRE, 0, session=mine, name=name)
    assert granted["__typename"] == "AcquiredLock"
    assert 0 < granted["expiresInMs"] <= 30_000
    again = await stage.do(ACQUIRE, 1, session=mine, name=name)
    assert again["token"] == granted["token"]
    token = granted["token"]
    assert (await stage.do(RENEW, 1, session=mine, name=name, token=token))["__typename"] == "RenewedLock"
    stranger = await stage.do(RELEASE, 1, session=session(), name=name, token=token)
    assert stranger == {"__typename": "Refusal", "code": "NOT_HELD"}
    assert (await stage.do(ACQUIRE, 0, session=session(), name=name))["code"] == "LOCK_BUSY"
    assert (await stage.do(RELEASE, 1, session=mine, name=name, token=token))["__typename"] == "ReleasedLock"
    assert (await stage.do(RELEASE, 0, session=mine, name=name, token=token))["code"] == "NOT_HELD"


async def test_a_wait_on_one_node_is_granted_while_another_speaks_for_the_same_session(stage: Stage) -> None:
    mine, holder, name = session(), session(), "sessions/wait"
    held = await stage.do(ACQUIRE, 1, session=holder, name=name)
    waiting = asyncio.create_task(stage.do(ACQUIRE, 0, session=mine, name=name, terms={"waitMs": 20_000}))
    await until(lambda: _waiters(stage, name))
    other = await stage.do(ACQUIRE, 1, session=mine, name="sessions/other")
    assert other["__typename"] == "AcquiredLock"
    await stage.do(RELEASE, 1, session=holder, name=name, token=held["token"])
    async with asyncio.timeout(3):
        granted = await waiting
    assert granted["__typename"] == "AcquiredLock"
    assert (await stage.do(RELEASE, 1, session=mine, name=name, token=granted["token"]))[
        "__typename"
    ] == "ReleasedLock"


async def test_what_a_killed_node_acquired_is_released_by_the_one_that_takes_its_place(stage: Stage) -> None:
    mine, name = session(), "sessions/restart"
    granted = await stage.do(ACQUIRE, 0, session=mine, name=name)
    part = stage.stack.part("api-0")
    part.kill(signal.SIGKILL)
    await part.wait_restarted()
    token = granted["token"]
    assert (await stage.do(RENEW, 0, session=mine, name=name, token=token))["__typename"] == "RenewedLock"
    assert (await stage.do(RELEASE, 0, session=mine, name=name, token=token))["__typename"] == "ReleasedLock"


async def test_who_hangs_up_waits_no_longer(stage: Stage) -> None:
    holder, name = session(), "sessions/gone"
    await stage.do(ACQUIRE, 0, session=holder, name=name)
    terms = {"waitMs": 25_000}
    with pytest.raises(httpx.ReadTimeout):
        await stage.post(ACQUIRE, 0, timeout=1, session=session(), name=name, terms=terms)

    async def nobody() -> bool:
        return not await _waiters(stage, name)

    await until(nobody)
    history = await stage.ask(
        "query ($name: String!) { lockHistory(name: $name, first: 1) { nodes { role ended } } }", name=name
    )
    assert history["lockHistory"]["nodes"] == [{"role": "WAITER", "ended": "WITHDRAWN"}]


async def test_all_or_none(stage: Stage) -> None:
    query = """mutation ($session: String!, $names: [String!]!, $terms: Terms) {
        answer: acquireAll(session: $session, names: $names, terms: $terms) { __typename
            ... on AcquiredLocks { locks { name token handle position } } ... on Refusal { code } } }"""
    mine, other = session(), session()
    all_of = await stage.do(query, 0, session=mine, names=["all/b", "all/a", "all/b"])
    assert [lock["name"] for lock in all_of["locks"]] == ["all/a", "all/b"]
    refused = await stage.do(query, 1, session=other, names=["all/0", "all/b"], terms={"waitMs": 50})
    assert refused == {"__typename": "Refusal", "code": "WAIT_TIMED_OUT"}
    retried = await stage.do(ACQUIRE, 1, session=session(), name="all/0")
    assert retried["__typename"] == "AcquiredLock", "what was taken before the refusal was given back"


async def test_refusals_are_data_and_bad_sessions_are_errors(stage: Stage) -> None:
    bad = await stage.do(ACQUIRE, session=session(), name="x", terms={"ttlMs": 1})
    assert bad["code"] == "BAD_ARGUMENT"
    assert bad["position"], "the log has it, and says by whom"
    too_long = await stage.do(ACQUIRE, session=session(), name="x", terms={"waitMs": 30_001})
    assert (too_long["code"], too_long["position"]) == ("BAD_ARGUMENT", None)
    for wrong in ("short", "x" * 65, "with blanks in it ", "ä" * 20):
        answer = await stage.post(ACQUIRE, session=wrong, name="x")
        assert answer["errors"][0]["extensions"]["code"] == "BAD_ARGUMENT"


async def _waiters(stage: Stage, name: str) -> Any:
    return (await stage.ask(LOCK, 1, name=name))["lock"]["waiters"]

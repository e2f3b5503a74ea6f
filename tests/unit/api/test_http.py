"""Requests that mean no good, or none at all: each is refused with a code, for little work and little memory."""

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from api import http
from api.documents import DEFAULT_LIMITS, Documents
from api.errors import NotAuthenticated
from api.http import MAX_BODY_BYTES
from api.identity import DevelopmentToken, Identity
from tests.unit.api.world import TOKEN, MemoryReads, World, locked, schema

FIELDS = "name mode holderCount waiterCount"


async def test_who_shows_no_token_or_a_strange_one_is_told_so() -> None:
    world = World()
    for header in ("", "Bearer", "Bearer  ", "Basic dev", "Bearer other", "Bearer \xff"):
        shown = {"authorization": header.encode("latin-1")}
        answer = await world.send(json={"query": "{ partitions { lag } }"}, headers=shown)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert not world.reads.asked


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "BAD_JSON"),
        (b"{", "BAD_JSON"),
        (b"\xff\xfe", "BAD_JSON"),
        (b"[" * 50_000, "BAD_JSON"),
        (b'[{"query": "{ partitions { lag } }"}]', "BATCH_REFUSED"),
        (b"null", "BAD_REQUEST"),
        (b'{"query": 1}', "BAD_REQUEST"),
        (b'{"query": " "}', "BAD_REQUEST"),
        (b'{"query": "{ partitions { lag } }", "variables": []}', "BAD_REQUEST"),
        (b'{"query": "{ partitions { lag } }", "operationName": 1}', "BAD_REQUEST"),
    ],
)
async def test_a_body_that_is_no_request_is_refused(body: bytes, code: str) -> None:
    answer = await World().send(content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, code)


async def test_only_json_is_taken_so_that_no_other_sites_form_can_ask() -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = await World().send(
            content=b'{"query": "{ partitions { lag } }"}', headers={"content-type": kind}
        )
        assert answer.json()["errors"][0]["extensions"]["code"] == "CONTENT_TYPE"


async def test_a_body_of_5_mb_is_refused_before_it_is_read() -> None:
    answer, taken = await _posted(World(), [b"x" * 65_536] * 80, [(b"content-length", b"5242880")])
    assert (answer["status"], answer["code"], taken) == (413, "REQUEST_TOO_LARGE", 0)


async def test_a_body_that_does_not_tell_its_length_is_refused_as_soon_as_it_is_too_long() -> None:
    answer, taken = await _posted(World(), [b"x" * 65_536] * 80, [(b"transfer-encoding", b"chunked")])
    assert (answer["status"], answer["code"]) == (413, "REQUEST_TOO_LARGE")
    assert taken * 65_536 <= MAX_BODY_BYTES + 65_536


async def test_a_caller_that_hangs_up_in_its_body_gets_no_answer() -> None:
    answer, _ = await _posted(World(), [b"{", None], [])
    assert answer == {}


async def test_a_body_that_comes_slowly_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_S", 0.01)

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    answer = await World().send(content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert answer.json()["errors"][0]["extensions"]["code"] == "REQUEST_TIMEOUT"


@pytest.mark.parametrize(
    ("kind", "given"), [("Int!", 2**31), ("Int!", 1.5), ("Int!", "1"), ("Int!", None), ("[Int!]!", [[1]])]
)
async def test_a_variable_of_another_type_is_the_askers_mistake(kind: str, given: object) -> None:
    world = World()
    if kind == "Int!":
        refused = await world.refused("query ($v: Int!) { locks(first: $v) { nodes { name } } }", v=given)
    else:
        query = """mutation ($v: [String!]!) {
            acquireAll(session: "s", names: $v) { __typename } }"""
        refused = await world.refused(query, v=given)
    assert refused["code"] == "GRAPHQL_INVALID"
    assert "$v" in refused["message"]


async def test_requests_are_counted_by_what_became_of_them() -> None:
    world = World()

    def counted(code: str) -> float:
        labels = {"code": code, "outcome": "ok" if code == "OK" else "refused"}
        return REGISTRY.get_sample_value("tidelock_api_requests_total", labels) or 0

    before = {code: counted(code) for code in ("OK", "BAD_JSON", "GRAPHQL_INVALID", "BAD_NAME")}
    await world.ask("{ partitions { lag } }")
    await world.send(content=b"", headers={"content-type": "application/json"})
    await world.refused("{ nope }")
    await world.refused('{ lock(name: "") { mode } }')
    assert {code: counted(code) - count for code, count in before.items()} == dict.fromkeys(before, 1)


async def test_other_paths_and_methods_are_told_what_is_served() -> None:
    world = World()
    assert (await world.send(path="/")).status_code == 404
    assert (await world.send("GET")).status_code == 405
    assert (await world.send("DELETE")).json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


# ── hostile queries ─────────────────────────────────────────────────────────────────────────────────────────


def _bomb(levels: int) -> str:
    """Fragments that each spread the next one twice."""
    parts = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(levels)]
    return "{ ...f0 } " + " ".join(parts) + f" fragment f{levels} on Query {{ partitions {{ lag }} }}"


def _nested(depth: int) -> str:
    return "{ locks(first: 1) { nodes " + "{ waiters { lock " * depth + "{ name }" + " } }" * depth + " } }"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (_nested(1_000), "QUERY_TOO_DEEP"),
        (_nested(150), "QUERY_TOO_DEEP"),
        (_nested(6), "QUERY_TOO_DEEP"),
        ("{" * 900, "GRAPHQL_SYNTAX"),
        ("{ lock(name: " + "[" * 900 + "]" * 900 + ") { name } }", "QUERY_TOO_DEEP"),
        (
            "{" + " ".join(f'a{n}: lock(name: "x") {{ name }}' for n in range(10_000)) + "}",
            "REQUEST_TOO_LARGE",
        ),
        ("{" + " ".join(f"a{n}:x" for n in range(1_000)) + "}", "QUERY_TOO_LONG"),
        ("{" + " ".join(f"a{n}: __typename" for n in range(100)) + "}", "TOO_MANY_ALIASES"),
        ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "FRAGMENT_CYCLE"),
        ("{ ...a } fragment a on Query { ...a }", "FRAGMENT_CYCLE"),
        ("{ __typename } fragment a on Query { ...a }", "FRAGMENT_CYCLE"),
        (_bomb(60), "TOO_MANY_FIELDS"),
        ("{ " + "__typename " * 990 + "}", "TOO_MANY_FIELDS"),
        ("{ lock(name: 1) { " + "name " * 590 + "} }", "TOO_MANY_FIELDS"),
        (
            "{ ...a ...b } " + " ".join(f"fragment {one} on Query {{ {'x ' * 30} }}" for one in "ab"),
            "TOO_MANY_FIELDS",
        ),
        ("{ " + "lock { asOf { time time } } " * 40 + "}", "TOO_MANY_FIELDS"),
        (_bomb(60).replace("partitions { lag }", "...nowhere"), "TOO_MANY_FIELDS"),
        (" ".join(f"query q{n} {{ __typename }}" for n in range(50)), "TOO_MANY_OPERATIONS"),
        ("# " + "x" * 40_000, "QUERY_TOO_LONG"),
        ("{ lock(name: [[[[[[[[1]]]]]]]]) { name } }", "GRAPHQL_INVALID"),
        ("{ __schema { types { name } } }", "GRAPHQL_INVALID"),
        ("subscription { deadlocks { cursor } }", "SUBSCRIPTION_NEEDS_STREAM"),
        ("query a { __typename } query b { __typename }", "BAD_REQUEST"),
        ("fragment a on Query { __typename }", "GRAPHQL_INVALID"),
        ("{ lock(name: ", "GRAPHQL_SYNTAX"),
        ("\x00", "GRAPHQL_SYNTAX"),
    ],
)
async def test_a_hostile_query_is_refused_with_a_code_in_no_time(query: str, code: str) -> None:
    world = World()
    began = time.perf_counter()
    answer = await world.post({"query": query})
    errors = answer.json()["errors"]
    assert errors[0]["extensions"]["code"] == code, errors
    assert len(answer.content) < 5_000
    assert time.perf_counter() - began < 2
    assert not world.reads.asked


def test_hostile_queries_leave_nothing_behind() -> None:
    documents = Documents(schema()._schema)
    hostile = [_nested(150), _bomb(60), "{" * 900, "{ nope }", "{ ...a } fragment a on Query { ...a }"]
    tracemalloc.start()
    try:
        for number in range(100):
            documents.document(f"{{ nope }} ## {number}")  # what Python itself remembers, names above all
        for number in range(11):
            if number == 1:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
            for query in hostile:
                document, errors = documents.document(f"{query} # {number}")
                assert document is None
                assert errors
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()
    assert len(documents) == 0


def test_so_many_documents_are_remembered_and_no_more() -> None:
    documents = Documents(schema()._schema)
    for number in range(DEFAULT_LIMITS.remembered + 50):
        document, errors = documents.document(f"{{ partitions {{ lag }} }} # {number}")
        assert not errors
        assert documents.document(f"{{ partitions {{ lag }} }} # {number}")[0] is document
    assert len(documents) == DEFAULT_LIMITS.remembered


async def test_a_page_with_all_that_people_ask_for_is_within_the_limits() -> None:
    world = World(MemoryReads([locked("a")]), dev=True)
    holders = "holders { principal client handle token mode ttlMs since transaction { id startedAt } }"
    await world.ask(
        f"""query Everything($n: Int!) {{
            locks(first: $n) {{
                edges {{ cursor node {{ {FIELDS} {holders} waiters {{ place lock {{ {FIELDS} {holders} }} }} }} }}
                pageInfo {{ hasNextPage endCursor }} asOf {{ positions time }}
            }}
            waitsFor(first: $n) {{
                nodes {{ waiter {{ ticket }} blockers {{ ... on LockHolder {{ token }} }} }}
            }}
        }}""",
        n=3,
    )
    from graphql import get_introspection_query

    assert (await world.ask(get_introspection_query()))["__schema"]


async def test_a_defect_is_masked_and_found_in_the_log_by_its_id() -> None:
    world = World()
    world.reads.fails = RuntimeError("the password is swordfish")
    with capture_logs() as logs:
        answer = await world.post({"query": '{ lock(name: "a") { name } }'})
    assert "swordfish" not in answer.text
    extensions = answer.json()["errors"][0]["extensions"]
    assert extensions["code"] == "INTERNAL"
    (logged,) = [line for line in logs if line.get("id") == extensions["id"]]
    assert "swordfish" in str(logged["exc_info"])


async def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    given_up = asyncio.Event()

    async def never(*_: Any) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()

    monkeypatch.setattr("api.http.QUERY_S", 0.05)
    monkeypatch.setattr(world.reads, "locks", never)
    assert (await world.refused("{ locks(first: 1) { nodes { name } } }"))["code"] == "TIMEOUT"
    assert given_up.is_set()


async def test_of_mutations_that_take_too_long_nobody_knows_how_far_they_got(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never() -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr("api.http.MUTATION_S", 0.05)
    world = World(opener=lambda *_: cast("Any", never()))
    query = f'mutation {{ releaseLock(session: "{"s" * 16}", name: "a", token: 1) {{ __typename }} }}'
    assert (await world.refused(query))["code"] == "OUTCOME_UNKNOWN"
    await world.services.sessions.close()


# ── the page of development ─────────────────────────────────────────────────────────────────────────────────


async def test_graphiql_comes_with_the_token_in_development_alone() -> None:
    page = await World(dev=True).send("GET")
    assert page.headers["content-type"].startswith("text/html")
    assert TOKEN in page.text
    assert (await World().send("GET")).status_code == 405


async def _posted(
    world: World, chunks: list[bytes | None], headers: list[tuple[bytes, bytes]]
) -> tuple[Any, int]:
    """Post chunk by chunk (None: hang up); return what was answered, and how many chunks were taken."""
    taken, sent = 0, list[Any]()

    async def receive() -> Any:
        nonlocal taken
        chunk = chunks[taken]
        taken += 1
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    heads = [
        (b"authorization", b"Bearer " + TOKEN.encode()),
        (b"content-type", b"application/json"),
        *headers,
    ]
    await world.app({"type": "http", "method": "POST", "path": "/graphql", "headers": heads}, receive, send)
    if not sent:
        return {}, taken
    error = json.loads(sent[1]["body"])["errors"][0]
    return {"status": sent[0]["status"], "code": error["extensions"]["code"]}, taken


@pytest.mark.parametrize("text", ["é 日本語 🔒", "half \ud800", 'quoted " \\ \x00 \u2028'])
def test_whatever_is_answered_is_json(text: str) -> None:
    body = {"data": {"n": None, "t": True, "many": [{"text": text}] * 2}}
    assert json.loads(http.encoded(body)) == body


def test_the_operators_token_speaks_for_the_operator_and_none_where_none_is_known() -> None:
    tokens = DevelopmentToken(TOKEN, "dev", "someone", "the-operators-token")
    assert tokens.identify(TOKEN) == Identity("dev", "someone", TOKEN)
    operator = Identity("dev", "operator", "the-operators-token", ("OPERATOR", "PLATFORM"))
    assert tokens.identify("the-operators-token") == operator
    assert DevelopmentToken(TOKEN, "dev", "someone", roles=("OPERATOR",)).identify(TOKEN).roles == (
        "OPERATOR",
    )
    for known in (tokens, DevelopmentToken(TOKEN, "dev", "someone")):
        for token in ("", "other", "\udcff"):
            with pytest.raises(NotAuthenticated):
                known.identify(token)

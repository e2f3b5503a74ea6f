"""What can be asked, over read models in memory."""

from streams.log.ports import LogUnavailable
from streams.projections.locks.reads import DeadlockRow, EdgeRow, SpellRow, TransactionRow
from streams.projections.reads import AsOf, AuditRow, ReadsUnavailable, ReadTooSlow
from streams.wire.murmur2 import partition_of
from tests.unit.api.world import PARTITIONS, WHEN, MemoryReads, World, locked, position, waiter

PAGE = """query Page($first: Int!, $after: String) { locks(first: $first, after: $after) {
    nodes { name } edges { cursor } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    asOf { positions time } } }"""
A = partition_of("dev/a", PARTITIONS)


async def test_a_lock_comes_with_its_holders_and_says_of_when_it_is() -> None:
    world = World(MemoryReads([locked("a", A)]))
    found = await world.ask(
        '{ lock(name: "a") { name mode partition token position since holders { client token ttlMs since } '
        "asOf { positions time } } }"
    )
    assert found["lock"] == {
        "name": "a", "mode": "EXCLUSIVE", "partition": A, "token": "7", "position": f"locks/{A}@3",
        "since": "1970-01-01T00:00:05.000Z",
        "holders": [{"client": "c", "token": "7", "ttlMs": 30_000, "since": "1970-01-01T00:00:05.000Z"}],
        "asOf": {
            "positions": [f"locks/{number}@9" for number in range(PARTITIONS)],
            "time": "1970-01-01T00:16:40.000Z",
        },
    }  # fmt: skip


async def test_a_lock_that_nobody_knows_is_free() -> None:
    assert await World().ask('{ lock(name: "x") { mode holders { token } since position } }') == {
        "lock": {"mode": "FREE", "holders": [], "since": None, "position": None}
    }


async def test_the_tenant_is_the_callers_in_every_question() -> None:
    world = World()
    await world.ask(
        '{ lock(name: "x") { mode } locks(first: 1) { nodes { name } } audit(first: 1) { nodes { at } }'
        ' waitsFor(first: 1) { nodes { waiter { ticket } } } lockHistory(name: "x", first: 1) { nodes { from } }'
        " deadlocks(first: 1) { nodes { at } } }"
    )
    assert len(world.reads.asked) == 6
    assert world.reads.tenants == {"dev"}


async def test_pages_follow_each_other_without_gap_or_repeat() -> None:
    names = [f"n{number:02}" for number in range(7)]
    world = World(MemoryReads([locked(name) for name in names]))
    seen, after, pages = list[str](), None, 0
    while True:
        page = (await world.ask(PAGE, first=3, after=after))["locks"]
        seen += [node["name"] for node in page["nodes"]]
        pages += 1
        info = page["pageInfo"]
        assert info["hasPreviousPage"] == (after is not None)
        assert [edge["cursor"] for edge in page["edges"]][-1] == info["endCursor"]
        assert page["asOf"]["positions"]
        after = info["endCursor"]
        if not info["hasNextPage"]:
            break
    assert (seen, pages) == (names, 3)


async def test_a_page_of_a_moment_that_was_cut_short_goes_on_where_it_stopped() -> None:
    page = (await World().ask('{ locks(first: 3, at: "locks/0@5") { nodes { name } pageInfo { hasNextPage endCursor }'
        " asOf { positions time } } }"))["locks"]  # fmt: skip
    assert page["nodes"] == []
    assert page["pageInfo"]["hasNextPage"]
    assert page["pageInfo"]["endCursor"]
    assert page["asOf"] == {"positions": ["locks/0@5"], "time": None}


async def test_the_edges_of_a_page_cost_the_same_number_of_questions_whatever_its_length() -> None:
    query = """query ($first: Int!) {
        locks(first: $first) { nodes { name waiters { ticket lock { name waiters { place } } } } }
        lockHistory(name: "n00", first: $first) { nodes { lock { mode } } } }"""
    asked = []
    for length in (1, 50):
        names = [f"n{number:02}" for number in range(length)]
        reads = MemoryReads([locked(name, waiting=(8,)) for name in names], [waiter(name) for name in names])
        reads.spells = [_spell(name) for name in names]
        world = World(reads)
        found = await world.ask(query, first=length)
        assert [node["waiters"][0]["lock"]["name"] for node in found["locks"]["nodes"]] == names
        asked.append(sorted(reads.asked))
    assert asked[0] == asked[1]
    assert len(asked[0]) <= 6


async def test_waits_name_holders_and_waiters_in_the_way() -> None:
    world = World(MemoryReads(waiters=[waiter("a")]))
    (wait,) = (
        await world.ask(
            "{ waitsFor(first: 5) { nodes { waiter { ticket place } blockers { __typename "
            "... on LockHolder { token } ... on LockWaiter { ticket } } } } }"
        )
    )["waitsFor"]["nodes"]
    assert wait == {
        "waiter": {"ticket": "8", "place": 1},
        "blockers": [{"__typename": "LockHolder", "token": "7"}, {"__typename": "LockWaiter", "ticket": "5"}],
    }


async def test_history_deadlocks_and_audit_show_their_rows() -> None:
    reads = MemoryReads()
    reads.spells = [_spell("a")]
    edge = EdgeRow("t1", "a", 8, "t2", 7)
    reads.broken = [DeadlockRow(A, 9, "a", 8, "t1", "p", "c", "h", 2, (edge,), 6, 7_000)]
    reads.decisions = [
        AuditRow(
            "locks", A, 6, 0, "a", "AcquireLock", "p", "c", "h", 2, "DIRECT", False, "LOCK_BUSY", "it is held", "",
            7_000, 9
        )
    ]  # fmt: skip
    found = await World(reads).ask(
        """{ lockHistory(name: "a", first: 1) { nodes { role token from fromPosition to toPosition ended
                transaction { id startedAt } } }
             deadlocks(first: 1) { nodes { at position transactionId cycle { transaction lock ticket } lock { mode } } }
             audit(first: 1) { nodes { at command accepted outcome reason events } } }"""
    )
    assert found["lockHistory"]["nodes"] == [
        {
            "role": "HOLDER", "token": "7", "from": "1970-01-01T00:00:05.000Z", "fromPosition": "locks/0@3",
            "to": "1970-01-01T00:00:06.000Z", "toPosition": "locks/0@4", "ended": "RELEASED",
            "transaction": {"id": "t", "startedAt": "1970-01-01T00:00:00.001Z"},
        }
    ]  # fmt: skip
    assert found["deadlocks"]["nodes"] == [
        {
            "at": "1970-01-01T00:00:07.000Z", "position": f"locks/{A}@6", "transactionId": "t1",
            "cycle": [{"transaction": "t1", "lock": "a", "ticket": "8"}], "lock": {"mode": "FREE"},
        }
    ]  # fmt: skip
    assert found["audit"]["nodes"] == [
        {
            "at": "1970-01-01T00:00:07.000Z", "command": "AcquireLock", "accepted": False, "outcome": "LOCK_BUSY",
            "reason": "it is held", "events": [],
        }
    ]  # fmt: skip


async def test_partitions_tell_their_lag_and_go_without_when_the_log_is_away() -> None:
    world = World()
    world.ends.end = 15
    query = "{ partitions { partition projection position time end lag } }"
    first = (await world.ask(query))["partitions"][0]
    assert first == {
        "partition": 0, "projection": "locks", "position": "locks/0@9", "time": "1970-01-01T00:16:40.000Z",
        "end": "15", "lag": "5",
    }  # fmt: skip
    world.ends.fails = LogUnavailable("away")
    first = (await world.ask(query))["partitions"][0]
    assert (first["end"], first["lag"]) == (None, None)


# ── moments ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_position_that_is_projected_is_answered_at_once() -> None:
    world = World()
    at = position(f"locks/{A}@5")
    row = locked("a", A)
    row.as_of = AsOf(WHEN.stands, at)  # type: ignore[misc]
    world.reads.past[at] = row
    found = await world.ask(
        'query ($at: At) { lock(name: "a", at: $at) { asOf { positions time } } }', at=str(at)
    )
    assert found["lock"]["asOf"] == {"positions": [str(at)], "time": None}
    assert world.progress.waited == [0]


async def test_a_position_that_no_question_can_be_of_is_refused() -> None:
    world, lock = World(), 'query ($at: At) { lock(name: "a", at: $at) { mode } }'
    for wrong, words in (
        (f"locks/{(A + 1) % PARTITIONS}@5", "decided in"),
        ("locks/77@5", "no partition"),
        ("queues/0@5", "no partition"),
        (f"locks/{A}@10", "beyond the end"),
        (f"locks/{A}@-1", "no position"),
        ("locks@1", "no position"),
    ):
        refused = await world.refused(lock, at=wrong)
        assert refused["code"] == "POSITION_INVALID", wrong
        assert words in refused["message"]
    assert not world.reads.asked


async def test_what_is_written_and_not_yet_projected_is_waited_for_and_then_told_so() -> None:
    world = World()
    world.ends.end = 20
    refused = await world.refused('{ lock(name: "a", notBefore: "locks/0@12") { mode } }')
    assert (refused["code"], refused["retryAfterMs"] > 0, refused["position"]) == (
        "PROJECTION_BEHIND", True, "locks/0@12",
    )  # fmt: skip
    assert world.progress.waited[-1] > 0
    world.progress.next_offset = 13
    assert await world.ask('{ lock(name: "a", notBefore: "locks/0@12") { mode } }')


async def test_a_time_waits_for_all_that_was_written_by_then() -> None:
    world = World()
    world.ends.end = 12
    refused = await world.refused('{ locks(first: 1, at: "2026-01-01T00:00:00Z") { nodes { name } } }')
    assert refused["code"] == "PROJECTION_BEHIND"
    world.progress.next_offset = 12
    page = await world.ask('{ locks(first: 1, at: "2026-01-01T00:00:00Z") { asOf { positions time } } }')
    assert page["locks"]["asOf"] == {"positions": [], "time": "2026-01-01T00:00:00.000Z"}


async def test_a_time_that_is_none_or_to_come_is_refused() -> None:
    for wrong in ("2999-01-01T00:00:00Z", "2026-01-01T00:00:00", "yesterday", "", "9" * 100):
        refused = await World().refused('query ($at: At) { lock(name: "a", at: $at) { mode } }', at=wrong)
        assert refused["code"] == "TIME_INVALID", wrong


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────


async def test_the_length_of_a_page_is_mandatory_and_bounded() -> None:
    assert (await World().refused("{ locks { nodes { name } } }"))["code"] == "GRAPHQL_INVALID"
    for first in (0, -1, 101, 2**31 - 1):
        for field in ("locks", "audit", "deadlocks", "waitsFor"):
            refused = await World().refused(f"{{ {field}(first: {first}) {{ pageInfo {{ endCursor }} }} }}")
            assert (refused["code"], refused["max"]) == ("PAGE_SIZE", 100)


async def test_a_cursor_of_another_list_or_of_nobody_is_refused() -> None:
    world = World(MemoryReads([locked("a"), locked("b")]))
    cursor = (await world.ask(PAGE, first=1, after=None))["locks"]["pageInfo"]["endCursor"]
    assert (await world.ask(PAGE, first=1, after=cursor))["locks"]["nodes"] == [{"name": "b"}]
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for forged in (changed, cursor[:-4], "", "x", "!!", "ü", "A" * 5_000):
        assert (await world.refused(PAGE, first=1, after=forged))["code"] == "CURSOR_INVALID", forged
    for field in ("audit", "deadlocks", "waitsFor"):
        refused = await world.refused(
            f"query ($after: String) {{ {field}(first: 1, after: $after) {{ pageInfo {{ endCursor }} }} }}",
            after=cursor,
        )
        assert refused["code"] == "CURSOR_INVALID"


async def test_a_cursor_of_another_locks_history_is_refused() -> None:
    reads = MemoryReads()
    reads.spells = [_spell("a"), _spell("a")]
    world = World(reads)
    query = """query ($name: String!, $after: String) {
        lockHistory(name: $name, first: 1, after: $after) { pageInfo { endCursor } } }"""
    cursor = (await world.ask(query, name="a"))["lockHistory"]["pageInfo"]["endCursor"]
    assert await world.ask(query, name="a", after=cursor)
    assert (await world.refused(query, name="b", after=cursor))["code"] == "CURSOR_INVALID"


async def test_names_that_nothing_can_have_are_refused() -> None:
    for name in ("", "a\x00b", "n" * 513, "\ud800"):
        assert (await World().refused("query ($n: String!) { lock(name: $n) { mode } }", n=name))[
            "code"
        ] == "BAD_NAME"
    narrowed = "query ($p: String) { locks(first: 1, filter: { namePrefix: $p }) { nodes { name } } }"
    for prefix in ("a\x00", "\udfff", "p" * 513):
        assert (await World().refused(narrowed, p=prefix))["code"] == "BAD_ARGUMENT"


async def test_a_store_that_is_away_or_slow_is_told_with_a_hint() -> None:
    world = World()
    world.reads.fails = ReadsUnavailable("gone")
    refused = await world.refused('{ lock(name: "a") { mode } }')
    assert (refused["code"], refused["retryAfterMs"] > 0) == ("READS_UNAVAILABLE", True)
    world.reads.fails = ReadTooSlow("narrow it")
    assert (await world.refused('{ lock(name: "a") { mode } }'))["code"] == "TIMEOUT"


def _spell(name: str) -> SpellRow:
    return SpellRow(
        0, 7, name, "HOLDER", "p", "c", "h", 1, 7, "EXCLUSIVE", None, 30_000, 40_000, None, 0,
        TransactionRow("t", 1), "", 3, 5_000, 4, 6_000, "RELEASED",
    )  # fmt: skip

"""Dead letters of the platform in GraphQL, over letters in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from api import letters as bounds
from api.letters import Letters
from storage.memory.log import MemoryTopic
from streams.domain.locks.kind import LOCKS
from streams.domain.roles import Role
from streams.log.letters import DeadLetter, LetterAction, letter_of_command
from streams.log.positions import PartitionId
from streams.projections.ports import SinkUnavailable
from streams.projections.projection import Projection
from streams.replay.letters import deeds
from tests.unit.api.world import OPERATOR, World
from tests.unit.projector.toy import projection
from tests.unit.replay.letter_desk import Desk, aside, command, refused
from tests.unit.replay.logbook import WHERE

PAGE = """query ($first: Int!, $after: String, $filter: PlatformDeadLetterFilterInput) {
    platformDeadLetters(first: $first, after: $after, filter: $filter) {
        nodes { id stage kind code readModel place attempts } edges { cursor } pageInfo { endCursor hasNextPage } } }"""
ONE = """query ($id: Long!, $max: Int) { platformDeadLetter(id: $id, maxBytes: $max) {
    letter { id topic partition offset size sha256 } body { base64 cut } decoded } }"""
REDRIVE = """mutation ($ids: [Long!]!, $dry: Boolean!, $again: Boolean) {
    answer: redrivePlatformDeadLetters(ids: $ids, dryRun: $dry, again: $again) { __typename
        ... on RedrivenDeadLetters { helps sent rebuilding steps { id does outcome } }
        ... on Refusal { code message } } }"""
PURGE = """mutation ($through: Long!) { answer: purgePlatformDeadLetters(through: $through) { __typename
    ... on PurgedDeadLetters { through records } ... on Refusal { code message } } }"""


ALL: tuple[Role, ...] = ("OPERATOR", "PLATFORM")


class Api(World):
    """An API whose caller runs the platform, unless a test says otherwise."""

    def __init__(self, *records: DeadLetter | LetterAction | bytes, roles: tuple[Role, ...] = ALL) -> None:
        self.desk, self.emptied = Desk(*records), list[str]()
        self.fails: Exception | None = None
        letters = Letters(self.desk, (LOCKS,), [projection()], self._empty)
        super().__init__(letters=letters, roles=roles)

    async def _empty(self, one: Projection) -> None:
        if self.fails is not None:
            raise self.fails
        self.emptied.append(one.name)

    async def do(self, mutation: str, **variables: Any) -> Any:
        return (await self.ask(mutation, **variables))["answer"]

    async def pages(self, first: int, **wanted: Any) -> list[list[str]]:
        pages, after = list[list[str]](), None
        while True:
            page = (await self.ask(PAGE, first=first, after=after, filter=wanted or None))[
                "platformDeadLetters"
            ]
            pages.append([one["id"] for one in page["nodes"]])
            after = page["pageInfo"]["endCursor"]
            if not page["pageInfo"]["hasNextPage"]:
                return pages


def others() -> DeadLetter:
    return refused(tenant="other")


async def test_pages_go_back_from_the_newest_and_hold_the_tenants_letters_only() -> None:
    api = Api(
        refused(), others(), refused(), aside(1), others(), refused(), LetterAction("PURGED", "me", (0,), "")
    )
    assert await api.pages(2) == [["5", "3"], ["2", "0"]]
    assert await api.pages(100) == [["5", "3", "2", "0"]]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({"stage": "PROJECTION"}, ["1"]),
        ({"code": "POISON", "readModel": "toy"}, ["1"]),
        ({"kind": "queues"}, []),
        ({"kind": "locks", "from": "2020-01-01T00:00:00Z"}, ["1", "0"]),
        ({"to": "2020-01-01T00:00:00Z"}, []),
    ],
)
async def test_a_filter_narrows(wanted: dict[str, Any], ids: list[str]) -> None:
    assert await Api(refused(), aside(1)).pages(100, **wanted) == [ids]


async def test_a_page_looks_through_so_many_records_and_the_next_goes_on_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "PAGE_SCAN", 3)
    assert await Api(refused(), *[others()] * 5, refused()).pages(2) == [["6"], [], ["0"]]


async def test_one_is_shown_with_its_bytes_and_their_meaning_and_others_are_not() -> None:
    api = Api(refused(), refused(b"garbage"), others())
    one = (await api.ask(ONE, id="0", max=5))["platformDeadLetter"]
    assert one["letter"]["topic"] == "tidelock.locks.commands"
    assert one["letter"]["size"] == str(len(command()))
    assert (one["body"]["cut"], one["decoded"]["command"]["name"]) == (True, "x")
    assert "unknown" in (await api.ask(ONE, id="1", max=0))["platformDeadLetter"]["decoded"]
    for gone in ("2", "9"):
        assert (await api.ask(ONE, id=gone, max=0))["platformDeadLetter"] is None


async def test_of_a_kind_that_nobody_knows_the_bytes_are_shown() -> None:
    stranger = letter_of_command("DECODE", "dev", PartitionId("gone", 0), 1, 1, b"x", "CODE", "why")
    one = (await Api(stranger).ask(ONE, id="0", max=9))["platformDeadLetter"]
    assert (one["body"]["base64"], one["decoded"]) == ("eA==", None)


async def test_a_dry_run_tells_and_changes_nothing() -> None:
    api = Api(refused(), aside(1), aside(2))
    told = await api.do(REDRIVE, ids=["0", "1", "2"], dry=True)
    assert (told["helps"], told["sent"], told["rebuilding"]) == (False, 0, [])
    assert [one["does"].partition(" ")[0] for one in told["steps"]] == ["new", "rebuild", "nothing"]
    assert (api.desk.sent, api.desk.notes, api.emptied) == ([], [], [])


async def test_a_redrive_sends_empties_and_leaves_a_note_of_who_did_it() -> None:
    api = Api(refused(), aside(1))
    told = await api.do(REDRIVE, ids=["0", "1"], dry=False)
    assert (told["sent"], told["rebuilding"], api.emptied) == (1, ["toy"], ["toy"])
    (note,) = api.desk.notes
    assert (note.action, note.letters, note.by) == ("REDRIVEN", (0, 1), "someone of dev, by GraphQL")
    assert (await api.do(REDRIVE, ids=["0"], dry=False))["code"] == "NOT_RENEWABLE"
    assert (await api.do(REDRIVE, ids=["0"], dry=False, again=True))["sent"] == 1


async def test_nobody_redrives_or_purges_what_is_another_tenants() -> None:
    api = Api(others(), refused())
    assert (await api.do(REDRIVE, ids=["0", "1"], dry=False))["code"] == "NO_SUCH_LETTER"
    assert (await api.do(PURGE, through="1"))["code"] == "LETTERS_OF_OTHERS"
    assert (await api.do(PURGE, through="0"))["code"] == "NO_SUCH_LETTER"
    assert (api.desk.sent, api.desk.notes, api.desk.purged_through) == ([], [], [])


async def test_who_is_no_operator_is_told_so_and_the_operators_token_is() -> None:
    api = Api(refused(), refused(), roles=())
    for mutation, told in ((REDRIVE, {"ids": ["0"], "dry": True}), (PURGE, {"through": "0"})):
        assert (await api.do(mutation, **told))["code"] == "FORBIDDEN"
    assert await api.pages(9) == [["1", "0"]]
    query = {"query": PURGE, "variables": {"through": "0"}}
    answer = await api.send(json=query, headers={"authorization": f"Bearer {OPERATOR}"})
    assert answer.json()["data"]["answer"] == {
        "__typename": "PurgedDeadLetters",
        "through": "0",
        "records": "1",
    }
    assert [one.by for one in api.desk.notes] == ["operator of dev, by GraphQL"]


async def test_an_operator_of_one_tenant_does_not_empty_what_all_tenants_read() -> None:
    api = Api(aside(1), refused(), roles=("OPERATOR",))
    for dry in (True, False):
        told = await api.do(REDRIVE, ids=["1"], dry=dry)
        assert told["__typename"] == "RedrivenDeadLetters"
    dry_run = await api.do(REDRIVE, ids=["0"], dry=True)
    assert (dry_run["helps"], [one["does"] for one in dry_run["steps"]]) == (False, ["nothing"])
    told = await api.do(REDRIVE, ids=["0"], dry=False)
    assert told["code"] == "SHARED_READ_MODEL"
    assert all(cure in told["message"] for cure in ("TIDELOCK_OPERATOR_TOKEN", "dead-letter redrive 0"))
    assert (api.emptied, [note.letters for note in api.desk.notes]) == ([], [(1,)])
    query = {"query": REDRIVE, "variables": {"ids": ["0"], "dry": False}}
    await api.send(json=query, headers={"authorization": f"Bearer {OPERATOR}"})
    assert api.emptied == ["toy"]


async def test_what_is_too_much_at_once_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(*[refused()] * 5)
    ids = [str(number) for number in range(bounds.MAX_REDRIVEN + 1)]
    assert (await api.do(REDRIVE, ids=ids, dry=True))["code"] == "TOO_MANY_LETTERS"
    assert (await api.do(REDRIVE, ids=[], dry=True))["code"] == "TOO_MANY_LETTERS"
    monkeypatch.setattr(deeds, "OWN_SCAN", 3)
    assert (await api.do(PURGE, through="4"))["code"] == "TOO_MANY_LETTERS"
    assert (await api.do(PURGE, through="2"))["records"] == "3"


async def test_a_read_model_that_cannot_be_emptied_is_told_with_what_was_done() -> None:
    api = Api(refused(), aside(1))
    api.fails = SinkUnavailable("it is away.")
    told = await api.refused(REDRIVE, ids=["0", "1"], dry=False)
    assert (told["code"], "projection rebuild toy" in told["message"]) == ("SINK_UNAVAILABLE", True)
    assert (len(api.desk.sent), len(api.desk.notes)) == (1, 1)


async def test_a_trial_that_takes_long_ends_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "TRIAL_S", 0.0)
    told = await Api(aside(1)).refused(REDRIVE, ids=["0"], dry=True)
    assert (told["code"], "dead-letter redrive --dry-run" in told["message"]) == ("TIMEOUT", True)


async def test_the_wait_for_others_is_not_counted_into_the_time_of_a_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "TRIAL_S", 0.2)
    api, go, here, bounds_of = Api(aside(1)), asyncio.Event(), asyncio.Semaphore(0), MemoryTopic.bounds

    async def held(topic: MemoryTopic) -> tuple[int, int]:
        here.release()
        await go.wait()
        return await bounds_of(topic)

    monkeypatch.setattr(MemoryTopic, "bounds", held)
    pages = [asyncio.create_task(api.pages(1)) for _ in range(bounds.READERS)]
    for _ in pages:
        await here.acquire()
    trial = asyncio.create_task(api.do(REDRIVE, ids=["0"], dry=True))
    asyncio.get_running_loop().call_later(0.4, go.set)
    assert (await trial)["helps"]
    await asyncio.gather(*pages)


async def test_a_redrive_whose_caller_hangs_up_is_carried_out_with_its_note() -> None:
    api, going, go = Api(refused()), asyncio.Event(), asyncio.Event()
    send = api.desk.send

    async def slow(commands: Iterable[tuple[PartitionId, bytes]]) -> None:
        going.set()
        await go.wait()
        await send(commands)

    api.desk.send = slow  # type: ignore[method-assign]
    letters, who = api.services.letters, api.services.authenticator.identify(OPERATOR)
    assert letters is not None
    plan = await letters.plan(who, [0], again=False, trial=False)
    asking = asyncio.create_task(letters.redrive(who, plan))
    await going.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    go.set()
    await letters.close()
    assert [one[0].kind for one in api.desk.sent] == [WHERE.kind]
    assert [one.letters for one in api.desk.notes] == [(0,)]

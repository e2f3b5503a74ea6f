"""Redrives and purges planned and done, over letters in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from itertools import combinations_with_replacement
from typing import Any

import pytest

from storage.memory.log import MemoryTopic
from streams.engine.world import SystemClock
from streams.log.letters import DeadLetter, LetterAction, encode_letter, letter_of_command
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.replay.letters import deeds, plan, shelf
from streams.replay.letters.deeds import purgeable, purged, redriven
from streams.replay.letters.errors import (
    LetterError,
    NoSuchLetter,
    OthersLetters,
    SharedReadModel,
    TooManyLetters,
)
from streams.replay.letters.plan import Plan, Planner
from streams.replay.letters.shelf import Wanted, letters_of, search
from tests.unit.projector.toy import projection
from tests.unit.replay.letter_desk import Desk, aside, command, refused
from tests.unit.replay.logbook import WORDS


async def planned(desk: Desk, *numbers: int, **told: Any) -> Plan:
    return await Planner(desk, {"locks": WORDS}, [projection()]).plan(numbers, **told)


async def nothing(_: str) -> None:
    raise AssertionError("no read model is to be rebuilt")


async def test_many_letters_are_read_in_one_go_and_partitions_are_asked_for_once() -> None:
    desk = Desk(*[refused()] * 40)
    made = await planned(desk, *range(40))
    assert [one.id for one in made.steps] == list(range(40))
    assert desk.asked == ["read 0..40", "read 0..40", "partitions of locks"]  # once for notes


async def test_letters_that_are_far_apart_are_not_read_with_all_between_them() -> None:
    desk = Desk(*[refused()] * 300)
    found = [each async for each in letters_of(desk.letters, (299, 0, 2))]
    assert [each.id for each in found if not isinstance(each, LetterError)] == [0, 2, 299]
    assert desk.asked == ["read 0..3", "read 299..300"]


async def test_what_is_no_letter_is_told_in_its_place() -> None:
    desk = Desk(refused(), b"a stranger's", refused(tenant="other"), refused())
    found = [each async for each in letters_of(desk.letters, (0, 1, 2, 3, 9), "dev")]
    assert [each.number if isinstance(each, NoSuchLetter) else None for each in found] == [
        None,
        1,
        2,
        None,
        9,
    ]


async def test_all_decisions_of_a_partition_are_tried_in_one_pass() -> None:
    desk, told = Desk(aside(2), aside(1), aside(4)), list[str]()
    made = await planned(desk, 0, 1, 2, trial=lambda what, *_: told.append(what))
    assert [one.trouble is None for one in made.steps] == [False, True, True]
    assert (made.helps, made.rebuilds, desk.asked.count("log locks/0")) == (False, ("toy",), 1)
    assert {*told} == {"toy locks/0"}
    assert "put aside again" in made.steps[0].outcome
    assert made.steps[0].does == "nothing"


@pytest.mark.parametrize("offset", [0, 99])
async def test_a_decision_that_is_not_in_the_log_is_told(offset: int) -> None:
    made = await planned(Desk(aside(0, offset=offset)), 0, trial=lambda *_: None)
    assert (made.helps, "is no commit that counts" in made.steps[0].outcome) == (False, True)


async def test_letters_of_a_read_model_or_a_kind_that_is_gone_are_told() -> None:
    stranger = letter_of_command("DECIDE", "dev", PartitionId("gone", 0), 1, 1, b"x", "CODE", "why")
    made = await planned(Desk(aside(0, "gone"), stranger), 0, 1)
    assert ["knows no" in one.outcome for one in made.steps] == [True, True]


@pytest.mark.parametrize("body", [command(tenant="other"), command(handle="\n")])
async def test_a_command_that_would_be_refused_again_is_not_sent(body: bytes) -> None:
    desk = Desk(refused(body))
    made = await planned(desk, 0)
    assert not made.helps
    with pytest.raises(LetterError):
        await redriven(desk, made, "me", nothing)
    assert (desk.sent, desk.notes) == ([], [])


async def test_one_letter_that_cannot_be_redriven_keeps_all_back() -> None:
    desk = Desk(refused(), refused(b"garbage"))
    with pytest.raises(LetterError):
        await redriven(desk, await planned(desk, 0, 1), "me", nothing)
    assert (desk.sent, desk.notes) == ([], [])


async def test_what_was_redriven_is_noted_and_not_redriven_again_by_mistake() -> None:
    desk, rebuilt = Desk(refused(), aside(1)), list[str]()

    async def rebuild(name: str) -> None:
        rebuilt.append(name)

    await redriven(desk, await planned(desk, 0, 1), "me", rebuild)
    assert (len(desk.sent), rebuilt) == (1, ["toy"])
    assert [(one.action, one.by, one.letters) for one in desk.notes] == [("REDRIVEN", "me", (0, 1))]
    second = await planned(desk, 0)
    assert "redriven before" in second.steps[0].outcome
    assert (await planned(desk, 0, again=True)).helps


async def test_a_redrive_is_remembered_however_many_letters_came_behind_it() -> None:
    desk = Desk(refused())
    await redriven(desk, await planned(desk, 0), "me", nothing)
    for letter in [refused()] * 11_000:
        desk.letters.append(encode_letter(letter))
    assert "redriven before" in (await planned(desk, 0)).steps[0].outcome
    assert (await planned(desk, 0, again=True)).commands[0].body
    assert (await planned(desk, 11_000)).helps


async def test_what_a_tenant_is_told_of_anothers_letter_is_what_it_is_told_of_one_that_never_was() -> None:
    desk = Desk(refused(), refused(tenant="other"), refused())
    told = [str((await planned(desk, number, tenant="dev")).steps[0].trouble) for number in (1, 3, 999)]
    assert [each.replace(number, "N") for each, number in zip(told, ("1", "3", "999"), strict=True)] == [
        "There is no dead letter N; `platformDeadLetters` shows those of your tenant."
    ] * 3


async def test_who_may_not_change_what_is_shared_redrives_commands_alone_and_nothing_is_tried() -> None:
    desk = Desk(refused(), aside(1))
    made = await planned(desk, 0, 1, tenant="dev", shared=False, trial=lambda *_: None)
    assert [one.trouble and one.trouble.code for one in made.steps] == [None, "SHARED_READ_MODEL"]
    assert (made.rebuilds, [one for one in desk.asked if one.startswith("log")]) == ((), [])
    with pytest.raises(SharedReadModel, match="tidelock dead-letter redrive 1"):
        await redriven(desk, made, "me", nothing)
    assert (desk.sent, desk.notes) == ([], [])


STEPS = 9
"""What a redrive asks its desk, one after the other, and what comes behind that."""


class SharedDesk(Desk):
    """A redriver's desk: before some of what it asks for, somebody else's purge does its two steps."""

    def __init__(self, *letters: DeadLetter, noted: int, gone: int) -> None:
        super().__init__(*letters)
        self.letters = self.topic = PurgedTopic(self)
        for letter in letters:
            self.topic.append(encode_letter(letter))
        self.asks, self._noted, self._gone = 0, noted, gone

    async def ask(self) -> None:
        if self.asks == self._noted:
            await super().note(LetterAction("PURGED", "other", (1,), ""))
        if self.asks == self._gone:
            self.topic.first = 2
        self.asks += 1

    async def send(self, commands: Iterable[tuple[PartitionId, bytes]]) -> None:
        await self.ask()
        await super().send(commands)

    async def note(self, action: LetterAction) -> None:
        await self.ask()
        await super().note(action)


class PurgedTopic(MemoryTopic):
    """Letters of which the first may be gone."""

    def __init__(self, desk: SharedDesk) -> None:
        super().__init__(SystemClock())
        self.first, self._desk = 0, desk

    async def bounds(self) -> tuple[int, int]:
        await self._desk.ask()
        return self.first, len(self.records)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        await self._desk.ask()
        yield self.records[max(self.first, start) : end]


@pytest.mark.parametrize(("noted", "gone"), combinations_with_replacement(range(STEPS), 2))
async def test_letters_that_are_purged_amid_their_redrive_are_redriven_once_or_gone_and_notes_tell(
    noted: int, gone: int
) -> None:
    desk = SharedDesk(refused(), refused(), refused(), noted=noted, gone=gone)
    try:
        await redriven(desk, await planned(desk, 0, 1, tenant="dev"), "me", nothing)
    except NoSuchLetter:
        redrives = 0
    else:
        redrives = 1
    while desk.asks < STEPS:
        await desk.ask()
    assert Counter((one.action, one.letters) for one in desk.notes) == Counter(
        {("PURGED", (1,)): 1, ("REDRIVEN", (0, 1)): redrives}
    )
    assert len(desk.sent) == 2 * redrives
    assert redrives == (gone > 4)  # once a redrive has seen for the last time that they are there, it goes on
    again = await planned(desk, 0, 1, tenant="dev", again=True)
    assert {type(one.trouble) for one in again.steps} == {NoSuchLetter}


async def test_of_two_operators_one_is_refused_and_who_says_again_is_not() -> None:
    desk = Desk(refused())
    one, other = await planned(desk, 0), await planned(desk, 0)
    for each in (one, other):
        await redriven(desk, each, "me", nothing)
    await redriven(desk, await planned(desk, 0, again=True), "me", nothing)
    metas = [WORDS.decode_command(body)[0] for _, body in desk.sent]
    assert {meta.client for meta in metas} == {"redrive-0"}
    # the first two have one sequence: the engine takes one of them
    assert [meta.sequence for meta in metas] == [0, 0, 2]


async def test_a_redrive_is_bounded_in_letters_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(refused(), refused())
    for numbers in ((), range(plan.MAX_LETTERS + 1)):
        with pytest.raises(TooManyLetters):
            await planned(desk, *numbers)
    monkeypatch.setattr(plan, "MAX_BYTES", len(command()) + 20)
    with pytest.raises(TooManyLetters, match="up to dead letter 1"):
        await planned(desk, 0, 1)


async def test_a_purge_notes_itself_first_and_tells_how_many_went() -> None:
    desk = Desk(*[refused()] * 5)
    assert await purged(desk, 3, "me") == 4
    assert [(one.action, one.letters) for one in desk.notes] == [("PURGED", (3,))]
    assert desk.purged_through == [3]


async def test_a_tenant_purges_its_own_letters_only(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(refused(), refused(), refused(tenant="other"), refused(), b"a stranger's", refused())
    assert (await purgeable(desk, 1, "dev")).id == 1
    assert (await purgeable(desk, 5)).id == 5
    with pytest.raises(OthersLetters, match="through 1 at the most"):
        await purgeable(desk, 3, "dev")
    with pytest.raises(NoSuchLetter):
        await purgeable(desk, 2, "dev")
    mine = Desk(refused(), b"a stranger's", refused())
    with pytest.raises(OthersLetters, match=r"whose they are\. Purge through 0 at the most"):
        await purgeable(mine, 2, "dev")
    with pytest.raises(OthersLetters, match="None of your tenant's can be purged alone"):
        await purgeable(Desk(refused(tenant="other"), refused()), 1, "dev")
    monkeypatch.setattr(deeds, "OWN_SCAN", 2)
    with pytest.raises(TooManyLetters):
        await purgeable(Desk(*[refused()] * 3), 2, "dev")


async def test_a_search_goes_backwards_and_ends_once_it_has_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "FIRST_STRETCH", 4)
    desk = Desk(*[refused()] * 100)
    found = await search(desk.letters, Wanted(), 6, 1_000)
    assert [one.id for one in found.letters] == [94, 95, 96, 97, 98, 99]
    assert (desk.asked, found.looked_from, found.all) == (["read 96..100", "read 88..96"], 94, False)
    more = await search(desk.letters, Wanted(), 100, 1_000, found.looked_from)
    assert ([one.id for one in more.letters], more.all) == (list(range(94)), True)


async def test_a_search_that_takes_long_says_how_far_it_got(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "FIRST_STRETCH", 4)
    desk = Desk(*[refused()] * 100)
    found = await search(desk.letters, Wanted(code="none"), 6, 1_000, within_s=1e-9)
    assert len(desk.asked) <= 1
    assert (found.letters, found.all) == ((), False)

"""Dead letters looked at: found within bounds, decoded as far as possible, asked anew, tried again."""

from __future__ import annotations

import pytest

from schemas.meta import CommandMeta
from storage.memory.log import MemoryTopic
from streams.domain.locks.commands import EXCLUSIVE, AcquireLock
from streams.engine.world import SystemClock
from streams.log.letters import (
    DeadLetter,
    LetterAction,
    Stage,
    encode_letter,
    letter_of_command,
    letter_of_decision,
)
from streams.replay.letters.decoded import UNKNOWN, decoded
from streams.replay.letters.errors import NoSuchLetter, NotRenewable
from streams.replay.letters.renewed import DEADLINE_MS, renewed
from streams.replay.letters.shelf import Filed, Wanted, letter_at, search
from streams.replay.letters.trial import refused_still
from streams.replay.plain import typed
from streams.wire.messages import Barrier
from streams.wire.murmur2 import partition_of
from tests.unit.log.records import with_changes
from tests.unit.projector.toy import BUG, POISON, ListLog, logbook, poisoned, projection
from tests.unit.replay.logbook import WHERE, WORDS, grant

META = CommandMeta(3, "dev", "shop", 9, "h", 1, 2, "00-trace", "s1")
COMMAND = AcquireLock("orders/42", EXCLUSIVE, 1000)


def refused(stage: Stage = "DECIDE", body: bytes | None = None, code: str = "WRONG_PARTITION") -> DeadLetter:
    whole = WORDS.encode_command(META, COMMAND) if body is None else body
    return letter_of_command(stage, "dev", WHERE, 5, 1, whole, code, "why", "00-trace")


def aside(body: bytes, offset: int = 3, index: int = 0, read_model: str = "audit") -> DeadLetter:
    return letter_of_decision(
        "PROJECTION", "dev", read_model, WHERE, offset, index, 1, body, "POISON", "why", 4, None
    )


def topic(*records: bytes | DeadLetter | LetterAction | None) -> MemoryTopic:
    made = MemoryTopic(SystemClock())
    for one in records:
        made.append(one if isinstance(one, bytes | None) else encode_letter(one))
    return made


async def test_the_newest_that_are_wanted_are_found_and_what_else_is_there_is_counted() -> None:
    note = LetterAction("REDRIVEN", "me@here", (0,), "done")
    there = topic(
        refused(),
        aside(b"x"),
        b"a stranger's",
        None,
        note,
        aside(b"y", read_model="locks"),
        refused("DECODE"),
    )
    found = await search(there, Wanted(), 100, 100)
    assert [one.id for one in found.letters] == [0, 1, 5, 6]
    assert {one.letter.body for one in found.letters} == {None}
    assert (found.unreadable, [one for _, one in found.actions], found.all) == (2, [note], True)
    assert [one.id for one in (await search(there, Wanted(), 2, 100)).letters] == [5, 6]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted(stage="DECODE"), [2]),
        (Wanted(code="POISON"), [1]),
        (Wanted(kind="queues"), []),
        (Wanted(tenant="other"), []),
        (Wanted(tenant="dev", stage="DECIDE"), [0]),
        (Wanted(read_model="audit"), [1]),
        (Wanted(until_ms=1), []),
        (Wanted(since_ms=1, kind="locks"), [0, 1, 2]),
    ],
)
async def test_a_search_takes_those_that_were_asked_for(wanted: Wanted, ids: list[int]) -> None:
    there = topic(refused(), aside(b"x"), refused("DECODE"))
    assert [one.id for one in (await search(there, wanted, 100, 100)).letters] == ids


async def test_a_search_reads_no_more_than_it_may_and_says_so() -> None:
    there = topic(*[refused()] * 50)
    reads: list[int] = []
    read = there.read

    def counted(start: int, end: int | None = None) -> object:
        reads.append((end or 0) - start)
        return read(start, end)

    there.read = counted  # type: ignore[method-assign, assignment]
    found = await search(there, Wanted(code="none"), 10, 7)
    assert (reads, found.looked_from, found.all, found.letters) == ([7], 43, False, ())


async def test_a_letter_is_shown_whole_and_what_is_none_is_told() -> None:
    there = topic(refused(), b"a stranger's")
    assert (await letter_at(there, 0)).letter == refused()
    for number in (1, 2):
        with pytest.raises(NoSuchLetter, match="0 to 1"):
            await letter_at(there, number)


def test_a_command_is_decoded_or_told_why_not() -> None:
    shown = decoded(refused(), WORDS)
    assert shown["command"] == typed(COMMAND)
    assert "garbage" not in shown
    assert UNKNOWN in decoded(refused("DECODE", b"garbage"), WORDS)


def test_a_decision_is_decoded_event_by_event() -> None:
    good = grant(1, 1)
    broken = good.events[0][:-3]
    record = logbook([good]).records[-1].value or b""
    shown = decoded(aside(record), WORDS)
    assert shown["key"] == good.key
    assert isinstance(shown["events"], list)
    assert shown["events"][0]["type"] == "LockGranted"
    torn = logbook([with_changes(good, events=(broken,))])
    told = decoded(aside(torn.records[-1].value or b""), WORDS)["events"]
    assert isinstance(told, list)
    assert told[0]["bytes"] == broken.hex()
    assert UNKNOWN in decoded(aside(b"no commit"), WORDS)
    assert UNKNOWN in decoded(aside(record, index=9), WORDS)


def test_a_command_is_asked_anew_by_a_client_of_its_own_with_a_fresh_deadline() -> None:
    for stage in ("DECODE", "DECIDE"):
        made = renewed(Filed(17, 1, refused(stage)), WORDS, 8, 1_000_000)
        meta, command = WORDS.decode_command(made.body)
        assert command == COMMAND
        assert (meta.client, meta.sequence, meta.floor, meta.session) == ("redrive-17", 0, 0, None)
        assert (meta.issued_ms, meta.deadline_ms) == (1_000_000, 1_000_000 + DEADLINE_MS)
        assert (meta.tenant, meta.handle, meta.traceparent) == ("dev", "h", "00-trace")
        assert made.where.partition == partition_of("dev/orders/42", 8)


@pytest.mark.parametrize(
    "letter",
    [
        refused("DECODE", b"garbage"),
        letter_of_command("DECODE", "dev", WHERE, 5, 1, None, "NULL_VALUE", "why"),
        refused(body=WORDS.encode_command(META, AcquireLock("x" * 5000, EXCLUSIVE, 1000))),
        refused(body=WORDS.encode_command(META, Barrier("locks", 0))),
        refused(body=bytes(2 * 1024 * 1024)),
        aside(b"x"),
    ],
)
def test_what_no_command_can_be_made_of_is_refused_with_the_cure(letter: DeadLetter) -> None:
    with pytest.raises(NotRenewable, match="Dead letter 17 cannot be asked anew"):
        renewed(Filed(17, 1, letter), WORDS, 8, 1)


@pytest.mark.parametrize(("bad", "refusal"), [(POISON, "fits nothing"), (BUG, "a bug"), ("dev/fine", None)])
async def test_a_trial_tells_whether_this_release_folds_it(bad: str, refusal: str | None) -> None:
    log, told = ListLog(logbook(*poisoned(bad)).records), list[tuple[int, int]]()
    refused = await refused_still(
        log, WHERE, projection(), WORDS, {(3, 2)}, lambda done, end: told.append((done, end))
    )
    assert refused == {} if refusal is None else refusal in refused[3, 2]


async def test_a_trial_goes_past_what_else_is_put_aside() -> None:
    log = ListLog(logbook(*poisoned(POISON)).records)
    assert await refused_still(log, WHERE, projection(), WORDS, {(3, 4)}, lambda *_: None) == {}

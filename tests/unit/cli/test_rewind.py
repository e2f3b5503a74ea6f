"""`rewind`, `explain` and `lock history` on a log in memory: what they say, to people and machines, and their exits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import pytest

from streams.domain.decider import Rejected
from streams.domain.locks.events import LockExpired, LockWaitStarted
from streams.domain.locks.replies import LockWaiting
from streams.log.ports import Stored
from streams.log.positions import PartitionId
from streams.log.records import Genesis
from tests.unit.cli.conftest import Cli
from tests.unit.log.records import with_changes
from tests.unit.replay.logbook import Logbook, decision, grant, granted, timer, waiting
from tidelock.cli import exits

EPOCH_MS = round(datetime.fromisoformat("2020-11-17T14:03:00+00:00").timestamp() * 1000)
SECONDS = (0, 0, 1, 2, 3, 4, 10, 11)
"""When each record was appended, after 14:03:00."""


class Topic:
    """A log in memory."""

    def __init__(self, records: list[Stored]) -> None:
        self.records = records

    async def bounds(self) -> tuple[int, int]:
        return 0, len(self.records)

    async def read(self, start: int, end: int | None = None) -> AsyncIterator[list[Stored]]:
        for record in self.records[start:end]:
            yield [record]


def night() -> list[Stored]:
    """`a` holds, `b` waits, `c` is refused, a stranger writes, the lease expires and `b` is granted, `c` waits."""
    book = Logbook().begun().commit(grant(1, 1)).commit(waiting(1, 2))
    book.commit(decision(1, reply=Rejected("LOCK_BUSY", "lock 'orders/42' is held"), client="c"))
    book.write(b"a stranger's")
    book.commit(timer(LockExpired(1, None, ""), granted(4, "b", ticket=2)), lease_ms=1007)
    third = LockWaitStarted("dev", "c", "1", 2, 5, 1, "EXCLUSIVE", 3, 1000, 3000, None, None)
    wish = decision(2, third, reply=LockWaiting(5, 1), client="c", waiting=True)
    book.commit(with_changes(wish, issued_ms=EPOCH_MS + 10_981), lease_ms=2000)
    return [
        Stored(one.offset, EPOCH_MS + 1000 * second, one.value)
        for one, second in zip(book.records, SECONDS, strict=True)
    ]


Plant = Callable[[list[Stored]], None]


@pytest.fixture
def plant(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """Put a log where the command line finds it."""

    async def partitions_of(*_: object) -> dict[PartitionId, int]:
        return {}

    def put(records: list[Stored]) -> None:
        monkeypatch.setenv("TIDELOCK_KAFKA", "127.0.0.1:1")
        monkeypatch.setattr("tidelock.cli.rewinding.partitions_of", partitions_of)
        monkeypatch.setattr("tidelock.cli.rewinding.reader_of", lambda _: lambda _: Topic(records))

    put(night())
    return put


@pytest.mark.usefixtures("plant")
def test_a_lock_is_shown_as_it_stood(cli: Cli) -> None:
    ran = cli("rewind", "--utc", "--at", "2020-11-17T14:03:05Z", "lock", "orders/42")
    lines = ran.out.splitlines()
    assert (ran.code, lines[0]) == (
        exits.OK,
        "orders/42 at 2020-11-17 14:03:05.000 +00:00 (UTC): EXCLUSIVE, 1 holding, 1 waiting",
    )
    assert lines[2].split()[:6] == ["holds", "EXCLUSIVE", "1", "2020-11-17", "14:03:01.000", "2.0"]
    assert lines[3].split()[:6] == ["waits", "EXCLUSIVE", "2", "2020-11-17", "14:03:02.000", "1.0"]
    for words in ("changed last at locks/0@3", "commit locks/0@4 of 2020-11-17 14:03:03.000", "3 commits that count",
                  "1 void (1 malformed)", "again  tidelock rewind --at locks/0@5 lock orders/42"):  # fmt: skip
        assert words in ran.out


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize(
    ("at", "holders", "waiters", "settled"),
    [
        ("locks/0@1", None, None, True),
        ("locks/0@2", ["a"], [], True),
        ("2020-11-17T14:03:09.999Z", ["a"], ["b"], True),
        ("2020-11-17T14:03:10Z", ["b"], [], True),
        ("locks/0@7", ["b"], ["c"], True),
        ("-1s", ["b"], ["c"], False),
    ],
)
def test_machines_get_one_object(
    cli: Cli, at: str, holders: list[str] | None, waiters: list[str] | None, settled: bool
) -> None:
    ran = cli("rewind", "lock", "orders/42", "--at", at, "--json")
    if holders is None:
        assert (ran.code, ran.err.startswith("NEVER_USED: ")) == (exits.NO, True)
        return
    told = json.loads(ran.out)
    assert [one["client"] for one in told["holders"]] == holders
    assert [one["client"] for one in told["waiters"]] == waiters
    assert (told["settled"], len(told["proof"]["head"])) == (settled, 64)


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize(
    ("args", "code", "exit_code"),
    [
        (("--at", "2999-01-01", "lock", "orders/42"), "IN_THE_FUTURE", exits.USAGE),
        (("--at", "2020-11-17T14:02:59Z", "lock", "orders/42"), "BEFORE_THE_LOG", exits.NO),
        (("--at", "locks/0@8", "lock", "orders/42"), "BEYOND_THE_END", exits.USAGE),
        (("--at", "locks/1@3", "lock", "orders/42"), "OTHER_PARTITION", exits.USAGE),
        (("--at", "queues/0@3", "lock", "orders/42"), "OTHER_PARTITION", exits.USAGE),
        (("--at", "-1s", "lock", "orders/43"), "NEVER_USED", exits.NO),
        (("--at", "-1s", "lock", "orders/42", "--tenant", "acme"), "NEVER_USED", exits.NO),
        (("--at", "-1s", "lock", "42", "--tenant", "dev/orders"), "USAGE", exits.USAGE),
        (("--at", "soon", "lock", "orders/42"), "USAGE", exits.USAGE),
        (("--at", "-1s", "queue", "orders/42"), "USAGE", exits.USAGE),
        (("--at", "-1s", "lock", ""), "USAGE", exits.USAGE),
    ],
)
def test_what_cannot_be_shown_is_told_in_one_line(
    cli: Cli, args: tuple[str, ...], code: str, exit_code: int
) -> None:
    ran = cli("rewind", *args)
    assert (ran.code, ran.out, ran.err.count("\n"), ran.err.split(":")[0]) == (exit_code, "", 1, code)


def test_a_log_of_others_is_no_log(cli: Cli, plant: Plant) -> None:
    plant([Stored(0, 1, b"anything")])
    assert cli("rewind", "--at", "-1s", "lock", "x").err.startswith("FOREIGN_LOG: ")
    plant(Logbook().write(Genesis(bytes(16), 0, "locks", 5, 1, 0)).records)
    assert "says that it is locks/5" in cli("rewind", "--at", "-1s", "lock", "x").err
    plant([])
    assert "holds no record yet" in cli("rewind", "--at", "-1s", "lock", "x").err


@pytest.mark.usefixtures("plant")
def test_the_story_is_told_sentence_by_sentence_with_positions(cli: Cli) -> None:
    ran = cli("explain", "lock", "orders/42", "--utc")
    told = [line.strip() for line in ran.out.splitlines()]
    for line in (
        "2020-11-17 14:03:02.000  locks/0@3  dev/b/1 asked for it EXCLUSIVE, with leases of 1.0 s "
        "(AcquireLock, its command 1); first sent ",
        "2020-11-17 14:03:02.000  locks/0@3  It had to wait: dev/a/1 held it.",
        "2020-11-17 14:03:10.000  locks/0@6  The lease of dev/a/1 expired, after it had held it for 9.0 s: it ran "
        "until lease time 1,000, and the clock stood at 1,007 when the owner's timer came.",
        "2020-11-17 14:03:10.000  locks/0@6  It was granted EXCLUSIVE after a wait of 8.0 s, with fencing token 4.",
        "2020-11-17 14:03:11.000  locks/0@7  The lease was over by then, for 1.0 s; its end was not yet decided.",
        "2020-11-17 14:03:11.000  locks/0@7  dev/c/1 asked for it EXCLUSIVE, with leases of 1.0 s, priority 3 "
        "(AcquireLock, its command 2); first sent 19 ms before it was decided, by its client's clock.",
        "2020-11-17 14:03:11.000  locks/0@7  It waits 1st in line, behind dev/b/1, who holds: for 0 ms so far, "
        "and for 1.0 s more at the most.",
        "2020-11-17 14:03:03.000  locks/0@4  dev/c/1 (AcquireLock, its command 1) was refused: LOCK_BUSY, "
        "lock 'orders/42' is held.",
    ):
        assert any(one.startswith(line) for one in told), line
    assert ran.code == exits.OK


@pytest.mark.usefixtures("plant")
def test_the_story_for_machines_has_the_state_beside_it(cli: Cli) -> None:
    told = json.loads(cli("explain", "lock", "orders/42", "--at", "locks/0@2", "--json").out)
    ((section,), (holder,)) = (told["story"], told["holders"])
    assert (section["title"], holder["token"]) == ("Who holds it, and why", 1)
    assert {line["position"] for line in section["lines"]} == {"locks/0@2"}


@pytest.mark.usefixtures("plant")
def test_history_shows_each_spell(cli: Cli) -> None:
    ran = cli("lock", "history", "orders/42", "--utc")
    lines = ran.out.splitlines()
    assert (ran.code, lines[0].startswith("orders/42 up to locks/0@7, 2020-11-17 14:03:11.000 +00:00")) == (
        0,
        True,
    )
    assert [" ".join(line.split()) for line in lines[2:]] == [
        "held EXCLUSIVE 2020-11-17 14:03:01.000 14:03:10.000 9.0 s expired 1 dev/a 1 locks/0@2",
        "waited EXCLUSIVE 2020-11-17 14:03:02.000 14:03:10.000 8.0 s granted 2 dev/b 1 locks/0@3",
        "held EXCLUSIVE 2020-11-17 14:03:10.000 - 1.0 s holds 4 dev/b 1 locks/0@6",
        "waited EXCLUSIVE 2020-11-17 14:03:11.000 - 0 ms waits 5 dev/c 1 locks/0@7",
    ]


@pytest.mark.usefixtures("plant")
@pytest.mark.parametrize(
    ("args", "numbers"),
    [
        ((), [1, 2, 4, 5]),
        (("--limit", "2"), [4, 5]),
        (("--until", "2020-11-17T14:03:05Z"), [1, 2]),
        (("--since", "2020-11-17T14:03:10.001Z"), [4, 5]),
        (("--since", "2020-11-17T14:03:05Z", "--until", "2020-11-17T14:03:10Z"), [1, 2, 4]),
    ],
)
def test_history_for_machines_is_one_object_a_line(
    cli: Cli, args: tuple[str, ...], numbers: list[int]
) -> None:
    spells = [
        json.loads(line) for line in cli("lock", "history", "orders/42", "--json", *args).out.splitlines()
    ]
    assert [spell.get("token", spell.get("ticket")) for spell in spells] == numbers
    if not args:
        assert (spells[0]["to"]["how"], spells[0]["lasted_ms"], spells[3]["to"]) == ("EXPIRED", 9000, None)


@pytest.mark.usefixtures("plant")
def test_history_says_what_it_leaves_out_and_when_nothing_is_left(cli: Cli) -> None:
    assert (
        "2 older spells are left out; --limit shows more"
        in cli("lock", "history", "orders/42", "--limit", "2").out
    )
    swapped = cli("lock", "history", "orders/42", "--since", "-1s", "--until", "-5s")
    assert (swapped.code, "Swap them" in swapped.err) == (exits.USAGE, True)

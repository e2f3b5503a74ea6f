"""Which keys a session that has ended may still hold something of, one after the other."""

from streams.log.holdings import Holdings
from streams.wire.messages import SessionEnded


def end(holdings: Holdings, session: str) -> None:
    holdings.end(session, SessionEnded(session, 0, "SILENT 7"))


def ended(holdings: Holdings) -> list[str]:
    found = []
    while (ending := holdings.next_ending()) is not None:
        assert ending == holdings.next_ending(), "a look takes nothing away"
        found.append(ending[1])
        holdings.let_go(ending[0].session, ending[1])
    return found


def test_keys_come_in_the_order_in_which_they_were_noted() -> None:
    holdings = Holdings()
    for number in range(100):
        holdings.note("s", f"k{number}")
    assert holdings.next_ending() is None
    end(holdings, "s")
    assert ended(holdings) == [f"k{number}" for number in range(100)]


def test_what_is_let_go_otherwise_does_not_come_and_what_is_noted_late_does() -> None:
    holdings = Holdings()
    for key in ("a", "b", "c"):
        holdings.note("s", key)
    end(holdings, "s")
    holdings.let_go("s", "a")
    holdings.forget("c")
    holdings.note("s", "d")
    assert ended(holdings) == ["b", "d"]


def test_one_session_comes_after_the_other_and_an_empty_one_never() -> None:
    holdings = Holdings()
    holdings.note("s", "a")
    holdings.note("t", "a")
    for session in ("t", "s", "unknown"):
        end(holdings, session)
    assert holdings.next_ending() == (SessionEnded("t", 0, "SILENT 7"), "a")
    assert ended(holdings) == ["a", "a"]
    assert holdings.next_ending() is None

"""What the detector wants, and when."""

from streams.domain.locks.commands import WaitEdge
from streams.processes.deadlocks.detector import Abort, DeadlockDetector, SendBarrier
from tests.unit.processes.spec import P0, P1, Scene, circle_of_two


def test_a_circle_over_two_partitions_is_confirmed_by_barriers_and_takes_the_youngest() -> None:
    scene = circle_of_two(Scene())
    barriers = scene.detector.look()
    assert barriers == [SendBarrier(1, P1), SendBarrier(1, P0)]
    assert scene.detector.passed(SendBarrier(1, P0), 3) == []
    assert scene.detector.passed(SendBarrier(1, P1), 3) == [
        Abort(1, P0, "p", 2, (WaitEdge("B", "p", 2, "A", 1), WaitEdge("A", "q", 2, "B", 1)))
    ]


def test_one_who_only_waits_is_no_deadlock() -> None:
    assert Scene().acquire("A", "p").acquire("B", "p").acquire("C", "p").detector.look() == []


def test_nothing_is_aborted_before_the_tail_has_come_to_every_barrier() -> None:
    scene = circle_of_two(Scene())
    second, first = scene.detector.look()
    assert isinstance(first, SendBarrier)
    assert isinstance(second, SendBarrier)
    assert scene.detector.passed(first, 4) == []  # event 3 of partition 0 was not read yet
    assert scene.detector.passed(second, 3) == []
    scene.acquire("C", "px")
    (abort,) = scene.detector.look()
    assert isinstance(abort, Abort)


def test_a_circle_that_opens_before_it_is_confirmed_is_dropped() -> None:
    scene = circle_of_two(Scene())
    barriers = scene.detector.look()
    scene.release("A", "p")
    assert scene.detector.look() == []
    assert not any(map(scene.detector.wants, barriers))
    assert scene.pass_barriers(barriers) == []
    assert scene.detector.counts.by_outcome() == {"found": 1, "confirmed": 0, "dropped": 1, "broken": 0}


def test_a_blocker_that_came_back_under_another_token_is_another_edge() -> None:
    """B's ticket waits on while A gives back what it waits for and takes it again, past the queue."""
    scene = Scene().acquire("A", "p", "SHARED").acquire("D", "p", "SHARED").acquire("B", "q", started_ms=1)
    scene.acquire("A", "q").acquire("B", "p", started_ms=1)
    barriers = scene.detector.look()
    scene.release("A", "p").acquire("A", "p", "SHARED", priority=9)
    again = scene.detector.look()
    assert not any(map(scene.detector.wants, barriers))
    (abort,) = scene.pass_barriers(again)
    assert isinstance(abort, Abort)
    assert abort.cycle[0].blocker_token == scene.token("A", "p")


def test_a_holder_that_came_to_share_keeps_its_token_and_is_no_blocker_any_more() -> None:
    scene = Scene().acquire("A", "p").acquire("B", "q").acquire("C", "p", "SHARED")
    scene.acquire("A", "q").acquire("B", "p", "SHARED", started_ms=1)
    barriers = scene.detector.look()
    scene.downgrade("A", "p")
    assert scene.pass_barriers(barriers) == []
    assert scene.detector.counts.dropped == 1


def test_those_who_queue_before_are_waited_for_too() -> None:
    """A shares p, so does nobody else; C waits to have it alone, and B, who would only share, waits behind C."""
    scene = Scene().acquire("A", "p", "SHARED").acquire("B", "q").acquire("C", "p")
    scene.acquire("B", "p", "SHARED", started_ms=9)
    assert scene.detector.look() == []
    (abort,) = scene.acquire("C", "q").aborts()
    assert [(e.transaction, e.lock, e.blocker) for e in abort.cycle] == [("B", "p", "C"), ("C", "q", "B")]


def test_one_without_transaction_may_stand_in_the_middle_but_is_no_victim() -> None:
    scene = Scene().acquire("A", "p", "SHARED").acquire("B", "q").acquire("someone", "p")
    (abort,) = scene.acquire("B", "p", "SHARED").acquire("A", "q", started_ms=0).aborts()
    assert [(e.transaction, e.blocker) for e in abort.cycle] == [("B", ""), ("", "A"), ("A", "B")]


def test_what_a_holder_without_transaction_waits_for_is_unknown() -> None:
    scene = Scene().acquire("someone", "p").acquire("B", "q").acquire("B", "p").acquire("someone", "q")
    assert scene.detector.look() == []


def test_a_transaction_does_not_wait_for_itself() -> None:
    scene = Scene().acquire("A", "p", "SHARED").acquire("B", "p", "SHARED").upgrade("A", "p")
    assert scene.detector.look() == []


def test_an_upgrade_waits_for_the_other_sharers() -> None:
    scene = Scene().acquire("A", "p", "SHARED").acquire("B", "p", "SHARED").acquire("A", "q")
    (abort,) = scene.upgrade("A", "p").acquire("B", "q", started_ms=3).aborts()
    assert abort.name == "q"
    assert len(abort.cycle) == 2


def test_who_gets_ahead_by_priority_closes_the_circle_of_those_behind() -> None:
    scene = Scene().acquire("X", "p").acquire("A", "q").acquire("A", "p").acquire("B", "p", priority=9)
    (abort,) = scene.acquire("B", "q", started_ms=5).aborts()
    assert {(e.transaction, e.blocker) for e in abort.cycle} == {("B", "A"), ("A", "B")}


def test_who_is_granted_past_the_queue_closes_the_circle_of_those_in_it() -> None:
    scene = Scene().acquire("X", "p", "SHARED").acquire("A", "q").acquire("A", "p").acquire("B", "q")
    assert scene.detector.look() == []
    (abort,) = scene.acquire("B", "p", "SHARED", priority=9, started_ms=0).aborts()
    assert {(e.transaction, e.lock) for e in abort.cycle} == {("B", "q"), ("A", "p")}


def test_ages_that_are_equal_are_told_apart_by_the_id() -> None:
    scene = Scene().acquire("A", "p").acquire("B", "q").acquire("B", "p").acquire("A", "q")
    (abort,) = scene.aborts()
    assert abort.cycle[0].transaction == "B"


def test_two_circles_that_share_a_wait_are_broken_one_after_the_other() -> None:
    """A waits for both sharers of q, and each of them for A. Breaking one leaves the other."""
    scene = Scene().acquire("A", "p").acquire("B", "q", "SHARED").acquire("C", "q", "SHARED")
    scene.acquire("B", "p", started_ms=2).acquire("C", "p", started_ms=3).acquire("A", "q", started_ms=1)
    (first,) = scene.aborts()
    (second,) = scene.abort(first).aborts()
    assert {first.cycle[0].transaction, second.cycle[0].transaction} == {"B", "C"}
    assert scene.abort(second).aborts() == []
    assert scene.detector.counts.broken == 2


def test_two_circles_with_one_victim_take_no_second() -> None:
    scene = Scene().acquire("A", "p").acquire("B", "q", "SHARED").acquire("C", "q", "SHARED")
    scene.acquire("B", "p", started_ms=2).acquire("C", "p", started_ms=3).acquire("A", "q", started_ms=4)
    (abort,) = scene.aborts()
    assert abort.cycle[0].transaction == "A"
    assert scene.abort(abort).aborts() == []


def test_circles_apart_are_broken_side_by_side() -> None:
    scene = circle_of_two(Scene())
    scene.acquire("C", "p2").acquire("D", "q2").acquire("C", "q2").acquire("D", "p2")
    assert len(scene.aborts()) == 2


def test_the_victim_is_left_alone_once_its_wait_is_over() -> None:
    scene = circle_of_two(Scene())
    (abort,) = scene.aborts()
    assert scene.detector.wants(abort)
    scene.abort(abort)
    assert scene.detector.look() == []
    assert not scene.detector.wants(abort)
    assert not scene.detector.candidates


def test_a_victim_that_runs_again_under_its_old_start_is_as_old_as_before() -> None:
    scene = circle_of_two(Scene())
    (abort,) = scene.aborts()
    scene.abort(abort).release("B", "q")
    scene.acquire("C", "qx", started_ms=5).acquire("BB", "px", started_ms=2)
    (next_,) = scene.acquire("C", "px", started_ms=5).acquire("BB", "qx", started_ms=2).aborts()
    assert next_.cycle[0].transaction == "C"


def test_of_a_circle_longer_than_an_event_may_tell_the_first_edges_are_told() -> None:
    scene, count = Scene(), 300
    names = [f"T{number}" for number in range(count)]
    for number, name in enumerate(names):
        scene.acquire(name, f"p{number}", started_ms=number)
    for number, name in enumerate(names):
        scene.acquire(name, f"p{(number + 1) % count}", started_ms=number)
    (abort,) = scene.aborts()
    assert len(abort.cycle) == 256
    assert abort.cycle[0].transaction == names[-1]
    scene.abort(abort)
    assert scene.detector.look() == []


def test_a_long_queue_is_no_long_circle() -> None:
    """Whoever reads the event wants to know who held what, not who queued in between."""
    scene = Scene().acquire("A", "p").acquire("B", "q")
    for number in range(1, 50):
        scene.acquire(f"W{number}", "p")
    assert scene.detector.look() == []
    (abort,) = scene.acquire("B", "p", started_ms=1).acquire("A", "q").aborts()
    assert len(abort.cycle) == 2


def test_more_circles_than_may_be_under_way_wait_for_their_turn() -> None:
    scene = Scene(DeadlockDetector(max_candidates=1))
    circle_of_two(scene).acquire("C", "p2").acquire("D", "q2").acquire("C", "q2").acquire("D", "p2")
    (first,) = scene.aborts()
    (second,) = scene.abort(first).aborts()
    assert {first.name, second.name} == {"p", "p2"}


def test_begins_where_the_locks_stood() -> None:
    scene = circle_of_two(Scene())
    late = DeadlockDetector()
    late.restore(P0, 2, {"dev/p": scene.locks["p"]})
    assert late.look() == []
    late.restore(P1, 2, {"dev/q": scene.locks["q"]})
    assert len(late.look()) == 2

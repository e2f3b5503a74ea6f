"""Which deaths are at once: by their own log and by the sweeper's clock, whatever the other logs' times are."""

from streams.domain.nodes.brake import RELEASED
from streams.domain.nodes.events import Evidence
from streams.log.positions import PartitionId
from streams.processes.sweeper.failures import GRACE_MS, MassFailures, Told

A, B = PartitionId("nodes", 0), PartitionId("nodes", 1)
NOW_MS = 1_700_000_000_000
WINDOW_MS = RELEASED.settings.window_ms
TIMEOUT_MS = 1_500
EVIDENCE = Evidence(heard_at=0, silent_ms=750, beats=9, interval_ms=300)
LIVE = tuple(f"n{number}" for number in range(6))


def begun(*, ahead_ms: int = 0) -> MassFailures:
    """Return what has read both logs; the time of B's is so far ahead of A's."""
    failures = MassFailures()
    failures.now_s = 100.0
    failures.pass_time(A, NOW_MS)
    failures.pass_time(B, NOW_MS + ahead_ms)
    return failures


def die(failures: MassFailures, at_ms: int, *nodes: str, read_s: float | None = 100.0) -> None:
    for node in nodes:
        failures.die(node, Told(A, at_ms, read_s))


def live(*dead: str) -> list[str]:
    return [node for node in LIVE if node not in dead]


def is_pulled(failures: MassFailures, *dead: str) -> bool:
    return failures.judge(live(*dead)) is not None


def test_a_log_that_a_brokers_clock_put_ahead_hides_no_mass_failure_in_another() -> None:
    failures = begun(ahead_ms=303_000)
    die(failures, NOW_MS, "n0", "n1", "n2")
    assert is_pulled(failures, "n0", "n1", "n2")


def test_nor_that_one_looms() -> None:
    failures = begun(ahead_ms=303_000)
    die(failures, NOW_MS, "n0")
    for node in ("n1", "n2"):
        failures.suspect(node, EVIDENCE, Told(A, NOW_MS, 100.0))
    assert failures.suspected == 2
    assert failures.holds(live("n0"))


def test_deaths_that_are_a_window_apart_in_their_log_are_not_at_once() -> None:
    failures = begun()
    die(failures, NOW_MS - WINDOW_MS, "n0")
    die(failures, NOW_MS, "n1", "n2")
    assert not is_pulled(failures, "n0", "n1", "n2")


def test_nor_are_those_that_were_read_a_window_apart_though_their_log_stood_still() -> None:
    failures = begun()
    die(failures, NOW_MS, "n0", "n1")
    failures.now_s += WINDOW_MS / 1000
    failures.die("n2", Told(B, NOW_MS, failures.now_s))
    assert not is_pulled(failures, "n0", "n1", "n2")


def test_a_suspicion_holds_until_its_node_should_have_died_by_either_time() -> None:
    left_ms = TIMEOUT_MS - EVIDENCE.silent_ms + GRACE_MS
    for by_log_ms, by_clock_s in ((left_ms, 0.0), (0, left_ms / 1000)):
        failures = begun()
        for node in ("n0", "n1", "n2"):
            failures.suspect(node, EVIDENCE, Told(A, NOW_MS, 100.0))
        assert failures.holds(LIVE)
        failures.pass_time(A, NOW_MS + by_log_ms)
        failures.now_s += by_clock_s
        assert not failures.holds(LIVE)


def test_what_is_read_in_catching_up_was_as_long_ago_as_the_newest_log_says() -> None:
    failures = begun(ahead_ms=WINDOW_MS)
    die(failures, NOW_MS, "n0", "n1", "n2", read_s=None)
    assert not is_pulled(failures, "n0", "n1", "n2")


def test_deaths_just_before_that_are_at_once_with_those_that_follow() -> None:
    failures = begun()
    die(failures, NOW_MS, "n0", "n1", read_s=None)
    failures.pass_time(A, NOW_MS + 1_000)
    die(failures, NOW_MS + 1_000, "n2")
    assert is_pulled(failures, "n0", "n1", "n2")

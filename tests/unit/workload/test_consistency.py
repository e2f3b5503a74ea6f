"""The checker of strict mode: each way in which a history can be inconsistent is named, and nothing else is."""

import pytest

from tests.unit.workload.cache_case import KEY, Case

OTHER = f"{KEY}#1"
"""A shard in another partition."""


def test_reads_of_what_is_current_are_consistent_hits_and_all() -> None:
    case = Case(one_clock=True)
    case.read("b", 0, None)
    first = case.wrote("a", b"1")
    case.write("a", first, b"1").read("b", first, b"1").read("b", first, b"1", hit=True)
    second = case.wrote("b", b"2")
    case.write("b", second, b"2").read("a", second, b"2")
    verdict = case.verdict
    assert verdict.ok, verdict.violations
    assert (verdict.operations, verdict.reads, verdict.hits) == (6, 4, 1)
    assert (verdict.clients, verdict.entries) == (2, 1)


def test_a_client_that_has_seen_the_next_value_must_not_read_the_old_one() -> None:
    case = Case()
    first, second = case.wrote("a", b"1"), case.wrote("a", b"2")
    case.read("b", second, b"2").read("b", first, b"1", hit=True)
    verdict = case.verdict
    assert case.codes == ["STALE_READ"]
    told = str(verdict.violations[0])
    assert f"b: READ of 'x' (version {first}; 3 to 4, a hit)" in told
    assert f"(EntryWritten by a, version {second})" in told
    assert f"seen before it began, by b: READ of 'x' (version {second}; 1 to 2)" in told


def test_having_seen_a_later_write_of_another_entry_counts_too() -> None:
    case = Case()
    old = case.wrote("a", b"1")
    case.wrote("a", b"2")
    later = case.wrote("a", b"3", entry="y")
    case.read("b", later, b"3", entry="y").read("b", old, b"1", hit=True)
    assert case.codes == ["STALE_READ"]


def test_of_two_clocks_nothing_is_before_anything() -> None:
    case = Case()
    first, second = case.wrote("a", b"1"), case.wrote("a", b"2")
    case.write("a", first, b"1").write("a", second, b"2").read("b", first, b"1")
    assert case.verdict.ok


def test_of_one_clock_a_read_after_a_write_ended_must_see_it() -> None:
    case = Case(one_clock=True)
    first, second = case.wrote("a", b"1"), case.wrote("a", b"2")
    case.write("a", first, b"1").write("a", second, b"2").read("b", first, b"1")
    assert case.codes == ["STALE_READ"]


def test_a_read_that_overlaps_the_write_may_see_either() -> None:
    case = Case(one_clock=True)
    first, second = case.wrote("a", b"1"), case.wrote("a", b"2")
    case.write("a", first, b"1").write("a", second, b"2", at=(3, 6))
    case.read("b", first, b"1", at=(4, 7)).read("c", second, b"2", at=(3, 5))
    assert case.verdict.ok


def test_what_others_overlap_they_must_not_see_backwards() -> None:
    case = Case(one_clock=True)
    first, second = case.wrote("a", b"1"), case.wrote("a", b"2")
    case.write("a", first, b"1").write("a", second, b"2", at=(3, 20))
    case.read("b", second, b"2", at=(4, 5)).read("c", first, b"1", at=(6, 7))
    assert case.codes == ["STALE_READ"]


def test_a_write_that_was_seen_before_it_began_is_out_of_order() -> None:
    case = Case(one_clock=True)
    first = case.wrote("a", b"1")
    case.read("b", first, b"1").write("a", first, b"1")
    assert case.codes == ["REORDERED"]


def test_a_clients_own_writes_are_in_its_order() -> None:
    case = Case()
    first, second = case.wrote("a", b"1"), case.wrote("a", b"2", entry="y")
    case.write("a", second, b"2", entry="y").write("a", first, b"1")
    assert case.codes == ["REORDERED"]


@pytest.mark.parametrize("of_another", [True, False])
def test_a_confirmed_write_that_is_not_in_the_log_is_lost(of_another: bool) -> None:
    case = Case()
    version = case.wrote("b", b"1") if of_another else 77
    case.write("a", version, b"1")
    assert case.codes == ["LOST_WRITE"]


def test_a_write_and_a_read_must_be_of_what_the_log_has() -> None:
    case = Case()
    first = case.wrote("a", b"1")
    case.write("a", first, b"!").read("b", first, b"?")
    assert case.codes == ["OTHER_VALUE", "OTHER_VALUE"]


def test_a_version_that_never_was_is_named() -> None:
    case = Case()
    first = case.wrote("a", b"1")
    assert case.read("b", first, b"1", entry="y").read("b", 99, b"1").codes == ["NOT_IN_LOG", "NOT_IN_LOG"]


def test_after_a_removal_the_old_value_is_stale_and_nothing_is_right() -> None:
    case = Case()
    first = case.wrote("a", b"1")
    case.removed()
    second = case.wrote("a", b"2")
    case.read("b", first, b"1").read("b", 0, None).read("b", second, b"2")
    assert case.verdict.ok
    assert case.read("b", 0, None).read("b", first, b"1").codes == ["STALE_READ", "STALE_READ"]


def test_a_deletion_that_left_the_entry_there_is_lost() -> None:
    case = Case()
    first = case.wrote("a", b"1")
    assert case.read("a", first, b"1").did("a", "DELETE", 0, None).codes == ["LOST_WRITE"]
    case.removed()
    assert case.verdict.ok


def test_without_an_answer_nothing_is_judged() -> None:
    case = Case()
    case.read("a", 99, b"1", at=(1, 0)).write("a", 0, b"1", at=(2, 0))
    verdict = case.verdict
    assert (verdict.ok, verdict.operations, verdict.unknown) == (True, 0, 2)


# ── grants: reads that are events of their own ──────────────────────────────────────────────────────────────


def test_a_grant_has_its_own_place() -> None:
    case = Case()
    first = case.wrote("a", b"1")
    line = case.granted("b", first)
    second = case.wrote("a", b"2", entry="y")
    case.read("b", first, b"1", grant=line).read("b", second, b"2", entry="y")
    assert case.verdict.ok
    assert case.read("b", first, b"1", grant=line).codes == ["REORDERED"]


def test_a_grant_of_another_version_or_of_none_is_named() -> None:
    case = Case()
    first = case.wrote("a", b"1")
    second = case.wrote("a", b"2")
    line = case.granted("b", second)
    assert case.read("b", first, b"1", grant=line).read("c", second, b"2", grant=99).codes == [
        "NOT_IN_LOG",
        "STALE_READ",
    ]


# ── lines held Modified ─────────────────────────────────────────────────────────────────────────────────────


def test_local_writes_are_read_by_their_owner_and_then_written_back() -> None:
    case = Case(one_clock=True)
    first = case.wrote("a", b"1", keep="MODIFIED")
    back = case.wrote_back("a", b"3")
    case.write("a", first, b"1").read("a", first, b"1", hit=True)
    case.write("a", first, b"2", local=1).read("a", first, b"2", local=1, hit=True)
    case.write("a", first, b"3", local=2)
    case.read("b", back, b"3").read(
        "a", first, b"3", local=2, hit=True
    )  # the same value, whatever its version
    assert case.verdict.ok, case.verdict.violations
    assert case.verdict.local_writes == 2


def test_the_owner_reads_what_it_wrote_last() -> None:
    case = Case()
    first = case.wrote("a", b"1", keep="MODIFIED")
    case.write("a", first, b"1").write("a", first, b"2", local=1)
    assert case.read("a", first, b"1", hit=True).codes == ["STALE_READ"]
    case = Case()
    first = case.wrote("a", b"1", keep="MODIFIED")
    assert case.read("a", first, b"2", local=1).codes == ["NOT_IN_LOG"]


def test_nobody_else_reads_a_modified_line() -> None:
    case = Case()
    first = case.wrote("a", b"1", keep="MODIFIED")
    assert case.read("b", first, b"1").codes == ["STALE_READ"]


def test_what_was_written_back_must_be_the_last_local_write() -> None:
    case = Case()
    first = case.wrote("a", b"1", keep="MODIFIED")
    case.wrote_back("a", b"2")
    case.write("a", first, b"2", local=1)
    assert case.verdict.ok
    assert case.write("a", first, b"3", local=2).codes == ["LOST_WRITE"]


def test_an_owner_that_lost_its_line_may_be_granted_the_same_version_again() -> None:
    case = Case()
    version = case.wrote("a", b"1", keep="MODIFIED")
    case.write("a", version, b"1")
    case.lost("a", version)
    case.read("a", version, b"1", grant=case.granted("a", version))
    assert case.verdict.ok, case.verdict.violations


def test_a_lost_line_is_undone_and_the_old_value_is_current_again() -> None:
    case = Case(one_clock=True)
    first = case.wrote("a", b"1", keep="MODIFIED")
    case.write("a", first, b"1").write("a", first, b"2", local=1)
    case.lost("a", first)
    case.read("b", first, b"1").read("a", first, b"1")
    assert case.verdict.ok, case.verdict.violations
    assert case.log.lost == 1
    assert case.read("a", first, b"2", local=1, hit=True).codes == ["STALE_READ"]


def test_a_local_write_to_a_line_that_is_over_or_out_of_turn_is_named() -> None:
    case = Case(one_clock=True)
    first = case.wrote("a", b"1", keep="MODIFIED")
    second = case.wrote("b", b"2")
    case.read("b", second, b"2").write("a", first, b"3", local=1)
    assert case.codes == ["REORDERED"]
    case = Case()
    first = case.wrote("a", b"1", keep="MODIFIED")
    assert case.write("a", first, b"3", local=2).codes == ["REORDERED"]
    assert case.write("b", first, b"3", local=1).codes == ["LOST_WRITE", "REORDERED"]


# ── several partitions ──────────────────────────────────────────────────────────────────────────────────────


def test_each_shard_may_be_right_and_all_together_wrong() -> None:
    """The textbook's case: each writes one entry, then reads that the other's is not there."""
    case = Case()
    x, y = case.wrote("a", b"1"), case.wrote("b", b"2", entry="y", key=OTHER)
    case.write("a", x, b"1").read("a", 0, None, entry="y", key=OTHER)
    assert case.verdict.ok
    case.write("b", y, b"2", entry="y", key=OTHER).read("b", 0, None)
    assert case.codes == ["CYCLE"]
    told = str(case.verdict.violations[0])
    assert "a: READ of 'y'" in told
    assert "b: READ of 'x'" in told


def test_several_partitions_in_one_order_are_right() -> None:
    case = Case()
    x, y = case.wrote("a", b"1"), case.wrote("b", b"2", entry="y", key=OTHER)
    case.write("a", x, b"1").read("a", 0, None, entry="y", key=OTHER)
    case.write("b", y, b"2", entry="y", key=OTHER).read("b", x, b"1", hit=True)
    case.read("a", y, b"2", entry="y", key=OTHER)
    assert case.verdict.ok, case.verdict.violations

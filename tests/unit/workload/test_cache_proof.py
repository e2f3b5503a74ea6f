"""The proof of the cache workload: what the checker finds becomes a claim that fails; relaxed caches may be stale."""

from __future__ import annotations

from typing import Any

import pytest

from streams.domain.caches.kind import CACHES
from streams.log.vocabulary import Vocabulary
from streams.replay.verify import Verification
from tests.unit.replay.cache_logbook import WHERE, WORDS, CacheBook
from tests.unit.workload.cache_case import Case
from tidelock.client.caches.hits import Hits
from tidelock.workload.cache_plan import CacheOutcome
from tidelock.workload.cache_proof import REPLACED, cache_proof, stale
from tidelock.workload.caches import page_of
from tidelock.workload.proof import Matcher, answer_lines
from tidelock.workload.recorder import Recorder
from tidelock.workload.trace import BlockIo

SERVED = "every request was served"
FRESH = "no read was stale"
KEPT = "what was read was written, and no write was lost"


def failed(case: Case, mode: Any = "STRICT", requests: tuple[int, int] = (2, 2)) -> set[str]:
    recorder = Recorder()
    lines = cache_proof([], Matcher(recorder, Vocabulary(CACHES)), recorder, case.verdict, requests, mode)
    return {line.claim for line in lines if not line.ok}


def stale_case() -> Case:
    case = Case()
    first, second = case.wrote("a", b"1"), case.wrote("a", b"2")
    return case.read("b", second, b"2").read("b", first, b"1", hit=True)


def test_what_is_consistent_is_proved() -> None:
    case = Case()
    case.read("b", case.wrote("a", b"1"), b"1")
    assert failed(case) == set()
    assert failed(case, requests=(1, 2)) == {SERVED}
    assert stale(case.verdict) == 0


def test_a_stale_read_fails_strict_mode_and_is_told_in_relaxed_mode() -> None:
    assert failed(stale_case()) == {FRESH}
    assert stale(stale_case().verdict) == 1
    recorder = Recorder()
    matcher = Matcher(recorder, Vocabulary(CACHES))
    told = cache_proof([], matcher, recorder, stale_case().verdict, (2, 2), "RELAXED")[2]
    assert (told.ok, told.claim) == (True, "stale reads are told (relaxed)")
    assert "1 STALE_READ" in told.evidence
    assert "b: READ of 'x' (version 1; 3 to 4, a hit)" in told.evidence


@pytest.mark.parametrize("mode", ["STRICT", "RELAXED"])
def test_a_lost_write_fails_in_any_mode(mode: str) -> None:
    assert failed(Case().write("a", 77, b"1"), mode) == {KEPT}


@pytest.mark.parametrize(("replaced", "silent"), [(REPLACED, 0), (frozenset[str](), 1)])
def test_a_listen_whose_place_the_next_took_needs_no_answer(replaced: frozenset[str], silent: int) -> None:
    book, recorder = CacheBook().join("a"), Recorder(clients={"a"})
    walk, matcher = Verification(WHERE, WORDS), Matcher(recorder, WORDS, replaced)
    for stored in book.records:
        matcher.take(walk.record(stored))
    once = answer_lines(matcher, recorder)[1]
    assert (once.ok, f"1 commands, 0 twice, {silent} without an answer" in once.evidence) == (
        not silent,
        True,
    )


def test_what_several_nodes_did_is_counted_together() -> None:
    outcome = CacheOutcome(reads=3, writes=2)
    outcome.add(Hits(hits=1, misses=2, local_writes=1))
    outcome.add(Hits(hits=2, misses=1))
    assert (outcome.served, outcome.hits.hits, outcome.hits.round_trips_saved, outcome.hits.hit_rate) == (
        5,
        3,
        4,
        0.5,
    )


def test_an_io_is_of_the_page_in_which_it_begins() -> None:
    assert [page_of(BlockIo(1, "28", 65_536, lbn)) for lbn in (7, 8, 23)] == ["page/0", "page/1", "page/2"]

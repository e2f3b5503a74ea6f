"""THE accept rule, clause by clause."""

from hashlib import sha256
from typing import Any

import pytest

from streams.log.accept import LogHead
from streams.log.chain import EMPTY_HEAD
from streams.log.envelope import encode
from streams.log.records import MAX_DECISIONS, Commit
from tests.unit.log.records import GENESIS, A, B, Chain, claim, decision, source


def test_at_the_start() -> None:
    head = LogHead()
    assert (head.head, head.n, head.last_source, head.active, head.claim) == (bytes(32), 0, -1, 1, None)


def test_every_accepted_record_extends_the_chain_by_its_stored_bytes() -> None:
    chain, expected = Chain(), EMPTY_HEAD
    for make in (lambda: GENESIS, claim, chain.commit, chain.commit, lambda: claim(B), chain.commit):
        record = make()
        assert chain.offer(record) is None
        expected = sha256(expected + encode(record)).digest()
        assert chain.head.head == expected


def test_a_void_record_changes_nothing() -> None:
    chain = Chain().begun()
    before = {slot: getattr(chain.head, slot) for slot in LogHead.__slots__}
    assert chain.offer(chain.commit(owner=B)) == "foreign_owner"
    assert {slot: getattr(chain.head, slot) for slot in LogHead.__slots__} == before


def test_a_genesis_counts_only_as_record_0() -> None:
    chain = Chain()
    assert chain.offer(GENESIS) is None
    assert chain.head.genesis == GENESIS
    assert chain.offer(GENESIS) == "genesis_not_first"


def test_a_claim_needs_a_genesis() -> None:
    assert Chain().offer(claim()) == "no_genesis"


def test_the_latest_claim_owns() -> None:
    chain = Chain().begun()
    late = chain.commit()
    assert chain.offer(claim(B)) is None
    assert chain.offer(late) == "foreign_owner"
    assert chain.offer(chain.commit(owner=A)) == "foreign_owner"
    assert chain.offer(chain.commit(owner=B)) is None


def test_a_claim_below_the_active_level_is_void_and_the_owner_stays() -> None:
    chain = Chain().begun(max_level=2)
    assert chain.offer(chain.feature(2)) is None
    assert chain.offer(claim(B, max_level=1)) == "claim_level"
    assert chain.offer(chain.commit(owner=A)) is None


def test_a_commit_before_any_claim_is_void() -> None:
    chain = Chain()
    chain.offer(GENESIS)
    assert chain.offer(chain.commit()) == "foreign_owner"


@pytest.mark.parametrize(
    ("bent", "reason"),
    [
        ({"owner": B}, "foreign_owner"),
        ({"prev": bytes(32)}, "broken_chain"),
        ({"seq": 0}, "sequence"),
        ({"seq": 2}, "sequence"),
        ({"level": 2}, "level"),
        ({"level": 0}, "level"),
        ({"source": source(1, 1)}, "source_gap"),
        ({"source": source(0, -1)}, "source_gap"),
        ({"decisions": (decision(),) * (MAX_DECISIONS + 1)}, "too_large"),
    ],
)
def test_each_clause_of_a_commit(bent: dict[str, Any], reason: str) -> None:
    chain = Chain().begun()
    right, wrong = chain.commit(), chain.commit(**bent)
    head = chain.head.copy()
    assert head.accept(2, wrong, b"stored") == reason
    assert (head.n, head.last_source, head.head) == (0, -1, chain.head.head)
    assert chain.offer(right) is None


def test_sources_are_contiguous_and_commits_without_one_leave_it_alone() -> None:
    chain = Chain().begun()
    assert chain.offer(chain.commit(source=source(0, 4))) is None
    assert chain.offer(chain.commit()) is None
    assert chain.head.last_source == 4
    assert chain.head.source_hash == b"s" * 32
    assert chain.offer(chain.commit(source=source(4, 5))) == "source_gap"
    assert chain.offer(chain.commit(source=source(6, 6))) == "source_gap"
    assert chain.offer(chain.commit(source=source(5, 5))) is None


def test_the_same_commit_counts_once() -> None:
    chain = Chain().begun()
    commit = chain.commit()
    assert chain.offer(commit) is None
    assert chain.offer(commit) == "broken_chain"


def test_a_feature_switches_the_level_for_the_commits_behind_it() -> None:
    chain = Chain().begun(max_level=3)
    assert chain.offer(chain.feature(2)) is None
    assert chain.head.active == 2
    assert chain.offer(chain.commit(level=1)) == "level"
    assert chain.offer(chain.commit(level=2)) is None


@pytest.mark.parametrize(
    ("level", "bent", "reason"),
    [
        (1, {}, "level"),
        (0, {}, "level"),
        (4, {}, "level"),
        (2, {"owner": B}, "foreign_owner"),
        (2, {"prev": bytes(32)}, "broken_chain"),
    ],
)
def test_each_clause_of_a_feature(level: int, bent: dict[str, Any], reason: str) -> None:
    chain = Chain().begun(max_level=3)
    assert chain.offer(chain.feature(level, **bent)) == reason
    assert chain.head.active == 1


def test_bytes_that_are_no_record_are_void() -> None:
    chain = Chain().begun()
    assert chain.offer(None, b"garbage") == "malformed"
    assert chain.offer(None, b"") == "malformed"


def test_decisions_and_claims_are_counted() -> None:
    chain = Chain().begun()
    chain.offer(chain.commit(decisions=(decision(), decision())))
    chain.offer(claim(B))
    assert (chain.head.n, chain.head.decisions, chain.head.claims) == (1, 2, 2)


def test_a_copy_is_independent() -> None:
    chain = Chain().begun()
    copy = chain.head.copy()
    commit: Commit = chain.commit()
    assert copy.accept(2, commit, encode(commit)) is None
    assert (copy.n, chain.head.n) == (1, 0)

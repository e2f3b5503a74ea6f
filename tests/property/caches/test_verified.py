"""The verifier beside the directory: whatever is asked, by whomever, it raises no false alarm."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.caches import draft
from streams.domain.decider import Requester
from streams.replay.caches.invariants import CacheInvariants
from tests.property.caches.directory import Directory
from tests.property.caches.world import FAST, World
from tests.property.verified import Verified


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9), st.booleans(), st.booleans())
def test_a_sound_directory_is_never_complained_of(seed: int, strict: bool, small: bool) -> None:
    rng, chosen = Random(seed), replace(FAST, mode="STRICT" if strict else "RELAXED")
    verified, decided = Verified(CacheInvariants()), Directory._decide

    def decide(directory: Directory, command: Any, who: Requester) -> tuple[Any, bool]:
        before = len(directory.log)
        reply, waiting = decided(directory, command, who)
        events = [made.event for made in directory.log[before:]]
        verified.tell("x", command, who, directory.lease_ms, before + 1, events, reply, waiting=waiting)
        return reply, waiting

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Directory, "_decide", decide)
        if small:
            chosen = replace(chosen, max_entries=rng.choice((1, 2)), ttl_ms=rng.choice((0, 40, 200)))
            patch.setattr(draft, "MAX_CALLS", rng.choice((1, 2, 400)))
            patch.setattr(draft, "MAX_EVENTS", rng.choice((1, 3)))
        World(seed, chosen).run(1_200).settle()
    assert verified.complaints == []

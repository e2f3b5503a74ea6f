"""The client of caches over a bad network: no stale read, one order for all; and broken rules are seen."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.client.shaky import ShakyWorld
from tidelock.client.caches.desk import Desk
from tidelock.client.caches.listener import Listener
from tidelock.client.caches.memory import Memory
from tidelock.workload.consistency.verdict import Verdict


def verdict(seed: int, steps: int = 250) -> Verdict:
    return asyncio.run(ShakyWorld(seed).run(steps))


def is_found(seed: int) -> bool:
    """Whether the checker sees it, or the directory has other lines than the clients in the end."""
    try:
        return not verdict(seed).ok
    except AssertionError:
        return True


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**9))
def test_strict_reads_are_never_stale_and_there_is_one_order(seed: int) -> None:
    found = verdict(seed)
    assert found.ok, "\n".join(map(str, found.violations))


def test_histories_have_hits_and_local_writes() -> None:
    found = [verdict(seed) for seed in range(6)]
    assert sum(each.hits for each in found) > 20
    assert sum(each.local_writes for each in found) > 5
    assert sum(each.operations for each in found) > 300


def _trusts_for_ever(self: Listener, now: float) -> bool:
    return self.attachment != 0


def _keeps_late_grants(self: Memory, entry: str, token: int) -> bool:
    return False


def _ignores_calls(self: Desk, call: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("cls", "name", "broken"),
    [
        (Listener, "trusts", _trusts_for_ever),
        (Memory, "is_over", _keeps_late_grants),
        (Desk, "obey", _ignores_calls),
    ],
    ids=["trusts for ever", "keeps late grants", "ignores calls"],
)
def test_a_client_that_breaks_a_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, cls: type, name: str, broken: Any
) -> None:
    monkeypatch.setattr(cls, name, broken)
    assert any(is_found(seed) for seed in range(40))

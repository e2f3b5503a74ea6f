"""What clients tell is counted under bounded names; what cannot be true is not."""

from itertools import count

import pytest
from prometheus_client import REGISTRY

from streams.engine.direct_lane import FRAMES
from streams.engine.tallies import KEPT_S, MAX_TIMES, Tallies
from streams.ops.series import OTHER
from streams.wire.messages import Count, Told
from tests.unit.engine.lane import connected, serving
from tests.unit.engine.test_direct_lane import ACQUIRE, reply

_TENANTS = count()


@pytest.fixture
def tenant() -> str:
    return f"tenant {next(_TENANTS)}"


def counted(tenant: str, name: str, what: str = "hits", kind: str = "caches") -> float | None:
    labels = {"tenant": tenant, "kind": kind, "name": name, "what": what}
    return REGISTRY.get_sample_value("tidelock_client_counts_total", labels)


def told(name: str, *counts: tuple[str, int], kind: str = "caches") -> Told:
    return Told(kind, name, tuple(Count(what, times) for what, times in counts))


def test_names_beyond_the_bound_are_counted_together(tenant: str) -> None:
    tallies = Tallies({"caches": ("hits",)}, names=2)
    for name in ("a", "b", "c", "d", "a"):
        tallies.take(tenant, told(name, ("hits", 5)))
    assert [counted(tenant, name) for name in ("a", "b", "c", OTHER)] == [10, 5, None, 10]


def test_a_tenant_with_few_names_takes_places_of_who_has_most(tenant: str) -> None:
    tallies, greedy, late = (
        Tallies({"caches": ("hits", "misses")}, names=6),
        f"{tenant} greedy",
        f"{tenant} late",
    )
    for name in ("a", "b", "c", "d", "e", "f", "g", "a"):
        tallies.take(greedy, told(name, ("hits", 1)))
    for name in ("1", "2", "3", "4"):
        tallies.take(late, told(name, ("hits", 1)))
    for name in ("b", "h"):
        tallies.take(greedy, told(name, ("hits", 1)))
    assert {name for name in "abcdefgh" if counted(greedy, name)} == {
        "a",
        "e",
        "f",
    }  # the last that were heard of
    assert [counted(late, name) for name in ("1", "2", "3", "4", OTHER)] == [1, 1, 1, None, 1]
    assert counted(greedy, OTHER) == 3


def test_a_name_of_which_nobody_tells_any_more_gives_its_place_back(tenant: str) -> None:
    now_s = 0.0
    tallies = Tallies({"caches": ("hits",)}, names=2, now_s=lambda: now_s)
    for name in ("a", "b"):
        tallies.take(tenant, told(name, ("hits", 1)))
    now_s = KEPT_S - 1
    for name in ("b", "c"):
        tallies.take(tenant, told(name, ("hits", 1)))
    now_s = KEPT_S + 1
    tallies.take(tenant, told("d", ("hits", 1)))
    assert [counted(tenant, name) for name in ("a", "b", "c", "d", OTHER)] == [None, 2, None, 1, 1]


@pytest.mark.parametrize("name", ["x" * 257, "a\nb"])
def test_a_name_that_no_tag_can_be_is_counted_with_the_others(tenant: str, name: str) -> None:
    Tallies({"caches": ("hits",)}).take(tenant, told(name, ("hits", 5)))
    assert counted(tenant, OTHER) == 5


@pytest.mark.parametrize("times", [0, -1, MAX_TIMES + 1])
def test_what_cannot_be_true_and_what_nobody_knows_is_not_counted(tenant: str, times: int) -> None:
    tallies = Tallies({"caches": ("hits",), "locks": ()})
    tallies.take(tenant, told("a", ("hits", times), ("invented", 5)))
    tallies.take(tenant, told("a", ("hits", 5), kind="locks"))
    tallies.take(tenant, told("a", ("hits", 5), kind="invented"))
    for kind in ("caches", "locks", "invented"):
        assert counted(tenant, "a", kind=kind) is None
        assert counted(tenant, "a", "invented", kind) is None


async def test_a_connection_tells_for_its_own_tenant_and_is_not_answered() -> None:
    async with serving() as lane, connected(lane) as client:
        taken: list[tuple[str, Told]] = []

        def take(tenant: str, told: Told) -> None:
            taken.append((tenant, told))

        lane.roster.told = take  # type: ignore[method-assign]
        client.write(FRAMES.encode(told("a", ("hits", 5))))
        client.command(ACQUIRE, 1)
        answers = await client.answers()
        assert reply(answers) is not None
        assert taken == [("dev", told("a", ("hits", 5)))]

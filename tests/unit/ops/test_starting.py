"""How a process of ours runs."""

import gc

from streams.ops.starting import GC_THRESHOLDS, run_process


def test_a_process_looks_for_cycles_as_seldom_as_it_is_told() -> None:
    found, before = list[tuple[int, int, int]](), gc.get_threshold()

    async def running() -> int:
        found.append(gc.get_threshold())
        return 7

    try:
        assert run_process(running()) == 7
        assert run_process(running(), (900_000, 4, 3)) == 7
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
    assert found == [GC_THRESHOLDS, (900_000, 4, 3)]

"""Histories on many cores: what a seed gives depends on neither the core nor its neighbours, and comes in order."""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

H = TypeVar("H")
CHUNK = 4
"""Histories that a process runs before it tells of them."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(run: Callable[[int], H], seeds: Sequence[int], jobs: int) -> Generator[H, None, None]:
    """Yield the history of each seed; close it to run no more. What `run` raises tells the seed.

    Processes are forked, so a planted bug is in them, too.
    """
    one = partial(_one, run)
    if jobs == 1:
        yield from map(one, seeds)
        return
    with ProcessPoolExecutor(jobs, get_context("fork")) as pool:
        try:
            yield from pool.map(one, seeds, chunksize=CHUNK)
        finally:
            pool.shutdown(cancel_futures=True)


def _one(run: Callable[[int], H], seed: int) -> H:
    try:
        return run(seed)
    except Exception as error:
        error.add_note(f"in the history of seed {seed}")
        raise

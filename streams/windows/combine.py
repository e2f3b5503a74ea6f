"""Results of several partitions put together. Associative and commutative: any tree of partitions gives the same."""

import json
from collections.abc import Iterable, Sequence
from itertools import groupby

from streams.windows.combined import Aggregates
from streams.windows.definition import Global, Session, Sliding, Windows
from streams.windows.errors import NotCombinable
from streams.windows.taken import Emission, Key, Kind


def combine(definition: Windows, emissions: Iterable[Emission]) -> list[Emission]:
    """Return one result a window, of each partition's newest one, by (key, start).

    It is FINAL only if all parts are FINAL or LATE; sessions that are near each other become one.
    Raises `NotCombinable` for sliding and global windows.
    """
    parts = sorted(
        (each for each in emissions if each.kind is not Kind.RETRACTED),
        key=lambda each: (each.key, each.start),
    )
    match definition.assigner:
        case Sliding() | Global() as assigner:
            raise NotCombinable(assigner)
        case Session():
            groups = [near for _, each in groupby(parts, key=_key) for near in _near(list(each))]
        case _:
            groups = [list(each) for _, each in groupby(parts, key=lambda each: (each.key, each.start))]
    return [_one(definition.aggregates, group) for group in groups]


def _key(emission: Emission) -> Key:
    return emission.key


def _near(sessions: Sequence[Emission]) -> Iterable[list[Emission]]:
    """Yield runs of one key's sessions, which are sorted by start, that are one session together."""
    run: list[Emission] = []
    for each in sessions:
        if run and each.start >= max(one.end for one in run):
            yield run
            run = []
        run.append(each)
    yield run


def _one(aggregates: Aggregates, parts: Sequence[Emission]) -> Emission:
    states = aggregates.merged([aggregates.loads(json.loads(each.partial)) for each in parts])
    results, errors = aggregates.results(states)
    kind = Kind.EARLY if any(each.kind is Kind.EARLY for each in parts) else Kind.FINAL
    end = max(each.end for each in parts)
    return Emission(kind, parts[0].key, parts[0].start, end, results, errors, f"[{aggregates.dumps(states)}]")

"""All that the API asks of the read models, as calls: a page of twenty each, of what is there in `crowd`."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias, cast

from storage.postgres.pool import Pool
from storage.postgres.reads_caches import PostgresCacheReads
from storage.postgres.reads_nodes import PostgresNodeReads
from storage.postgres.reads_queues import PostgresQueueReads
from storage.postgres.stood import PostgresStoodLocks
from streams.log.positions import PartitionId, Position
from streams.projections.caches.reads import CacheFilter, EntryFilter
from streams.projections.locks.reads import LockFilter, free_lock
from streams.projections.nodes.reads import HistoryPage, NodeFilter, ServiceFilter
from streams.projections.queues.reads import BiographyPage, MessageFilter, MessageRef, QueueFilter
from streams.projections.reads import AsOf, AuditFilter, AuditReads, Moment
from tests.contract.sinks.crowd import EPOCH_MS, ROWS, TENANT

PAGE: Final = 20
NOBODY: Final = cast("Pool", None)
Question: TypeAlias = Callable[[], Awaitable[object]]

LOCKS, QUEUES = PostgresStoodLocks(NOBODY), PostgresQueueReads(NOBODY)
NODES, CACHES = PostgresNodeReads(NOBODY), PostgresCacheReads(NOBODY)
AUDITS: Final[dict[str, AuditReads]] = {"locks": LOCKS, "queues": QUEUES, "nodes": NODES, "caches": CACHES}
NAME: Final = "name-40"
"""Its rows are spread over all of time."""
BETWEEN: Final = (EPOCH_MS + ROWS * 4_000, EPOCH_MS + ROWS * 6_000)
TIME_MS: Final = EPOCH_MS + ROWS * 500
MOMENTS: Final[dict[str, Moment]] = {"time": TIME_MS, "offset": Position(PartitionId("any", 0), ROWS // 2)}
REF: Final = MessageRef(0, NAME, 0, 41, 40)


def _audits() -> Iterator[tuple[str, Question]]:
    filters = {
        "all": AuditFilter(), "name": AuditFilter(name=NAME), "principal": AuditFilter(principal="principal-4"),
        "client": AuditFilter(client="client-4"), "command": AuditFilter(command="Command4"),
        "principal and client": AuditFilter(principal="principal-4", client="client-4"),
        "refused": AuditFilter(accepted=False),
        "between": AuditFilter(from_ms=TIME_MS - 60_000, to_ms=TIME_MS),
    }  # fmt: skip
    for kind, reads in AUDITS.items():
        for what, wanted in filters.items():
            yield f"audit of {kind}: {what}", partial(reads.audit, TENANT, wanted, PAGE, None)
        later = (TIME_MS, 0, ROWS // 2, 0)
        yield f"audit of {kind}: next page", partial(reads.audit, TENANT, AuditFilter(), PAGE, later)


def _then() -> Iterator[tuple[str, Question]]:
    for by, at in MOMENTS.items():
        yield f"lock at {by}", partial(LOCKS.lock_at, TENANT, NAME, 0, at)
        yield f"queue at {by}", partial(QUEUES.queue_at, TENANT, NAME, at)
        yield f"message at {by}", partial(QUEUES.message_at, TENANT, REF, "", at)
        yield f"node at {by}", partial(NODES.node_at, TENANT, NAME, at)
        yield f"service at {by}", partial(NODES.service_at, TENANT, NAME, at)
        yield f"brake at {by}", partial(NODES.brake_at, TENANT, at)
        yield f"cache at {by}", partial(CACHES.cache_at, TENANT, NAME, at)
        yield f"entry at {by}", partial(CACHES.entry_at, TENANT, NAME, "entry-40", at)


def _histories() -> dict[str, Question]:
    pages = [HistoryPage(NAME, PAGE)]
    return {
        "history of a lock": lambda: LOCKS.history(TENANT, NAME, PAGE, None),
        "history of a node": lambda: NODES.node_histories(TENANT, pages),
        "history of a service": lambda: NODES.service_histories(TENANT, pages),
        "history of the brake": lambda: NODES.brake_history(TENANT, PAGE, None),
        "biography of a message": lambda: QUEUES.biographies(TENANT, [BiographyPage(REF, PAGE)]),
        "values of an entry": lambda: CACHES.values(TENANT, NAME, "entry-40", PAGE, None),
        "lines of an entry": lambda: CACHES.lines(TENANT, NAME, "entry-40", PAGE, None),
        "deadlocks": lambda: LOCKS.deadlocks(TENANT, PAGE, None),
        "windows of queues": lambda: QUEUES.windows(TENANT, [NAME], *BETWEEN),
        "windows of caches": lambda: CACHES.windows(TENANT, [NAME], *BETWEEN),
        "a lock of a subscription": lambda: LOCKS.stood(TENANT, NAME, PartitionId("locks", 0), None),
    }


def _now() -> dict[str, Question]:
    waited_for = replace(free_lock(0, NAME, AsOf(())), waiting=(4, 8))
    return {
        "locks": lambda: LOCKS.locks(TENANT, LockFilter(), PAGE, None),
        "locks of a principal": lambda: LOCKS.locks(
            TENANT, LockFilter(principal="principal-400"), PAGE, None
        ),
        "locks by name": lambda: LOCKS.locks_by_name(TENANT, [(0, NAME)]),
        "waiters": lambda: LOCKS.waiters_of(TENANT, [waited_for]),
        "queues": lambda: QUEUES.queues(TENANT, QueueFilter(), PAGE, None),
        "queue": lambda: QUEUES.queues_by_name(TENANT, [NAME]),
        "messages": lambda: QUEUES.messages(TENANT, NAME, MessageFilter(), PAGE, None),
        "dead letters": lambda: QUEUES.messages(TENANT, NAME, MessageFilter(state="DEAD"), PAGE, None),
        "messages of a group": lambda: QUEUES.messages(TENANT, NAME, MessageFilter(group="x"), PAGE, None),
        "message": lambda: QUEUES.message(TENANT, REF),
        "nodes": lambda: NODES.nodes(TENANT, NodeFilter(), PAGE, None),
        "node": lambda: NODES.nodes_by_name(TENANT, [NAME]),
        "services": lambda: NODES.services(TENANT, ServiceFilter(healthy=True), PAGE, None),
        "service": lambda: NODES.services_by_name(TENANT, [NAME]),
        "brake": lambda: NODES.brake(TENANT),
        "caches": lambda: CACHES.caches(TENANT, CacheFilter(), PAGE, None),
        "cache": lambda: CACHES.caches_by_name(TENANT, [NAME]),
        "entries": lambda: CACHES.entries(TENANT, NAME, EntryFilter(), PAGE, None),
        "entry": lambda: CACHES.entry(TENANT, NAME, "entry-40"),
        "listeners": lambda: CACHES.listeners(TENANT, NAME, PAGE, None),
    }


QUESTIONS: Final = dict(_audits()) | dict(_then()) | _histories() | _now()

"""What went with a session, partition by partition: one cause through all kinds, and nothing of anybody else."""

from typing import Any

from streams.domain.locks.events import LockExpired, LockReleased
from streams.domain.locks.kind import LOCKS
from streams.domain.nodes.events import InstancesLeft
from streams.domain.nodes.kind import NODES
from streams.log.positions import PartitionId
from streams.replay.moment import AtEnd, Walk
from streams.replay.nodes.losses import MOST, Losses
from tests.unit.replay.kind_logbook import KindBook

SESSION = "n1:7"
CAUSE = "SILENT 9"


def gone(book: KindBook, name: str, event: Any, tenant: str = "dev") -> None:
    book.did(name, event, client="", command="SessionGone", tenant=tenant)


def read(book: KindBook, tenant: str = "dev", session: str = SESSION) -> Losses:
    where = PartitionId(book.kind, 0)
    losses = Losses(tenant, session, book.words)
    walk = Walk(where, book.words, AtEnd(), losses.commit)
    for stored in book.records:
        walk.take(stored)
    return losses


def test_what_names_the_cause_or_the_session_went_with_it() -> None:
    locks = KindBook(LOCKS).begun()
    gone(locks, "early", LockExpired(1, 0, CAUSE))
    locks.ended(SESSION).ended("n2:8").ended(SESSION, tenant="other")
    gone(locks, "orders/1", LockExpired(3, 0, CAUSE))
    gone(locks, "orders/2", LockExpired(4, 0, "SILENT 10"))
    gone(locks, "orders/3", LockExpired(5, 0, CAUSE), tenant="other")
    locks.did("orders/4", LockReleased(6), command="ReleaseLock")
    found = read(locks)
    assert (found.cause, found.keys, dict(found.counts)) == (CAUSE, 1, {"LockExpired": 1})
    (loss,) = found.first
    assert (loss.name, str(loss.position)) == ("orders/1", "locks/0@6")
    assert found.told is not None and str(found.told[0]) == "locks/0@3"


def test_of_other_kinds_likewise() -> None:
    nodes = KindBook(NODES).begun().ended(SESSION)
    gone(nodes, "service:pay", InstancesLeft(SESSION, "SESSION_ENDED", CAUSE, ("i1",), 2))
    assert [loss.name for loss in read(nodes).first] == ["service:pay"]
    assert read(nodes, session="n1:8").told is None
    assert read(nodes, tenant="other").keys == 0


def test_of_many_the_first_are_named_and_all_are_counted() -> None:
    locks = KindBook(LOCKS).begun().ended(SESSION)
    for number in range(MOST + 5):
        gone(locks, f"k{number}", LockExpired(number + 2, 0, CAUSE))
    found = read(locks)
    assert (found.keys, len(found.first)) == (MOST + 5, MOST)
    assert found.last_ms == 1000 + len(locks.records) - 1

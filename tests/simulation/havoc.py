"""What befalls a world while its faults last: crashes, pauses, membership changes, foreign records, skewed clocks."""

from collections.abc import Callable
from dataclasses import replace

from streams.log.envelope import encode
from streams.log.records import Claim, Commit, FeatureActivated, Genesis, Record, Source
from tests.simulation.worker import Worker
from tests.simulation.world import World

SESSION_S = 2.0
"""Membership gives a silent member's partition away after so long."""


class Havoc:
    """Schedules the faults of one history at the rates its seed drew."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.over = False
        self._writing = (self._garbage, self._near_miss, self._foreign_claim, self._replay)
        self._activate = world.random.random() * 6.0

    def begin(self) -> None:
        """Start all processes of misfortune."""
        faults = self.world.faults
        repeated: list[tuple[float, Callable[[], None]]] = [
            (faults.r_crash, self._crash),
            (faults.r_freeze, self._freeze),
            (faults.r_flap, self._flap),
            (faults.r_two_owners, self._two_owners),
            (faults.r_activate, self._operate),
            (faults.r_broker_skew, self._broker_skew),
            (faults.r_disconnect, self._disconnect),
            (faults.r_client_freeze, self._freeze_client),
            (faults.r_client_clock_step, self._step_clock),
            (faults.r_foreign_garbage, self._garbage),
            (faults.r_near_miss, self._near_miss),
            (faults.r_foreign_claim, self._foreign_claim),
            (faults.r_replayed_record, self._replay),
            *(each for one in self.world.partitions.values() for each in one.subject.misfortunes(one)),
        ]
        for rate, act in repeated:
            if rate:
                self._later(rate, act)
        self.world.loop.later(self._activate, self._activate_level)

    def _later(self, rate: float, act: Callable[[], None]) -> None:
        self.world.loop.later(self.world.random.expovariate(rate), self._again, rate, act)

    def _again(self, rate: float, act: Callable[[], None]) -> None:
        if not self.over:
            if act not in self._writing or self._is_begun():
                act()
            self._later(rate, act)

    def _is_begun(self) -> bool:
        return all(partition.log.records for partition in self.world.partitions.values())

    def _activate_level(self) -> None:
        for worker in self.world.alive():
            if worker.max_level == 2:
                worker.process.call(worker.activate, 2)

    def _operate(self) -> None:
        worker = self._victim()
        if worker is not None:
            worker.process.call(worker.activate, self.world.random.choice((1, 2, 2, 2, 3)))

    # ── processes ───────────────────────────────────────────────────────────────────────────────────────────

    def _victim(self) -> Worker | None:
        alive = self.world.alive()
        return self.world.random.choice(alive) if alive else None

    def _crash(self) -> None:
        world = self.world
        victim = world.assigned() if world.random.random() < 0.7 else self._victim()
        if victim is None or not victim.alive:
            return
        if world.broker.hit(world.faults.p_crash_at_step):
            victim.process.crash_after = world.random.randint(0, 150)
        else:
            victim.process.kill()
        world.loop.later(world.random.random() * SESSION_S, self._replace)

    def _replace(self) -> None:
        world = self.world
        if not self.over and len(world.alive()) < 3:
            world.assign(world.start_worker())

    def _freeze(self) -> None:
        world, victim = self.world, self._victim()
        if victim is None or victim.process.frozen:
            return
        for_s = world.random.choice((0.3, 3.0, 8.0)) * world.random.random()
        victim.freezes.append((world.loop.now, world.loop.now + for_s))
        victim.process.freeze()
        world.trace("frozen", victim.name, for_s)
        world.loop.later(for_s, victim.process.thaw)
        if for_s > SESSION_S and world.owns(victim):
            world.loop.later(SESSION_S, self._flap)

    def _flap(self) -> None:
        worker = self._victim()
        if not self.over and worker is not None:
            self.world.assign(worker)

    def _two_owners(self) -> None:
        worker = self._victim()
        if worker is not None:
            self.world.assign(worker, alone=False)

    # ── clocks, network, clients ────────────────────────────────────────────────────────────────────────────

    def _broker_skew(self) -> None:
        random = self.world.random
        self.world.broker.skew_ms = int(
            random.choice((1000, 30_000, 200_000, 400_000)) * random.uniform(-1, 1)
        )
        self.world.trace("broker skew", self.world.broker.skew_ms)

    def _disconnect(self) -> None:
        sockets = self.world.network.open()
        if sockets:
            self.world.random.choice(sockets).reset()

    def _freeze_client(self) -> None:
        processes = self.world.processes()
        if not processes:
            return
        process = self.world.random.choice(processes)
        process.freeze()
        self.world.loop.later(4.0 * self.world.random.random(), process.thaw)

    def _step_clock(self) -> None:
        random = self.world.random
        if self.world.users:
            random.choice(self.world.users).clock.step_s = random.choice((2.0, 60.0)) * random.uniform(-1, 1)

    # ── foreign records ─────────────────────────────────────────────────────────────────────────────────────

    def _garbage(self) -> None:
        random = self.world.random
        log = self.world.any_partition().log
        records = log.records
        damaged = (random.choice(records).value or b"") if records else b""
        cut = random.randint(0, len(damaged))
        log.land(random.choice((None, b"", random.randbytes(40), damaged[:cut], damaged + b"\0")))

    def _replay(self) -> None:
        log = self.world.any_partition().log
        if log.records:
            log.land(self.world.random.choice(log.records).value)

    def _foreign_claim(self) -> None:
        random, log = self.world.random, self.world.any_partition().log
        log.land(encode(Claim(random.randbytes(16), "nowhere", "0", random.choice((1, 2, 3)))))

    def _near_miss(self) -> None:
        """A record that breaks exactly one clause of the accept rule."""
        random, partition = self.world.random, self.world.any_partition()
        oracle, where = partition.judge.oracle, partition.where
        owner = oracle.owner
        if owner is None:
            return
        other = random.randbytes(16)
        good = Commit(owner, oracle.head, oracle.n + 1, 10**9, 2 * 10**12, oracle.active, None, ())
        gap = oracle.last_source + random.choice((0, 2, 5))
        misses: list[Record] = [
            replace(good, owner=other),
            replace(good, prev=random.randbytes(32)),
            replace(good, seq=oracle.n + random.choice((0, 2))),
            replace(good, level=oracle.active + random.choice((-1, 1))),
            replace(good, source=Source(gap, max(gap, 0), bytes(32))),
            replace(good, source=Source(oracle.last_source + 1, oracle.last_source, bytes(32))),
            FeatureActivated(other, oracle.head, oracle.active + 1),
            FeatureActivated(owner, random.randbytes(32), oracle.active + 1),
            FeatureActivated(owner, oracle.head, oracle.active),
            FeatureActivated(owner, oracle.head, oracle.max_level + 1),
            Claim(other, "nowhere", "0", oracle.active - 1),
            Genesis(other, 7, where.kind, where.partition, 2, 0),
        ]
        partition.log.land(encode(random.choice(misses)))

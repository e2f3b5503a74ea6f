"""Several clients and one directory, over messages that are delayed, lost, reordered and repeated."""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from streams.domain.caches import commands as c
from streams.domain.caches import decider
from streams.domain.caches.settings import CacheSettings
from streams.domain.caches.state import ABSENT, asker_of
from tests.property.caches.client import GOOD, Client, Flaws
from tests.property.caches.directory import Answer, Directory
from tests.property.caches.history import History, Judge
from tests.unit.caches.spec import NAME, SETTINGS

FAST = replace(
    SETTINGS, max_entries=1_000, max_bytes=1_000_000, read_lease_ms=150, fill_lease_ms=100, ttl_ms=0
)
ENTRIES = ("x", "y", "z")


@dataclass
class World:
    seed: int
    settings: CacheSettings = FAST
    flaws: Flaws = GOOD
    clients_at_once: int = 3
    threads: int = 1
    faults: bool = True
    real: int = 0
    history: History = field(default_factory=History)
    clients: dict[str, Client] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.directory = Directory(self.settings)
        self._mail: list[tuple[int, int, Any]] = []
        self._born = self._posted = 0
        self._frozen: dict[str, int] = {}
        self._away = 0
        self.quiet = False
        for _ in range(self.clients_at_once):
            self._birth()

    def run(self, ms: int) -> "World":
        for _ in range(ms):
            self._turn()
            self.check()
        return self

    def settle(self) -> "World":
        """No more faults and no more work: let all come to rest."""
        self.quiet, self._away = True, 0
        self._frozen.clear()
        return self.run(12 * self.settings.read_lease_ms)

    # ── one millisecond ─────────────────────────────────────────────────────────────────────────────────

    def _turn(self) -> None:
        rng, directory = self.rng, self.directory
        self.real += 1
        if self.faults and not self.quiet:
            self._mishap()
        if self.real >= self._away:
            if rng.random() < 0.97:
                directory.lease_ms += 1
            directory.real_ms = self.real
            directory.tick()
            self._deliver()
        self._collect()
        for name, client in list(self.clients.items()):
            if self._frozen.get(name, 0) <= self.real:
                client.step(self.real)
                if not self.quiet and rng.random() < 0.12:
                    self._work(client)

    def _deliver(self) -> None:
        now = [mail for mail in self._mail if mail[0] <= self.real]
        frozen = [m for m in now if isinstance(m[2], Answer) and self._frozen.get(m[2].client, 0) > self.real]
        self._mail = [mail for mail in self._mail if mail[0] > self.real] + frozen
        for mail in sorted(now, key=lambda mail: mail[:2]):
            content = mail[2]
            if mail in frozen:
                continue
            if not isinstance(content, Answer):
                self.directory.take(*content)
            elif content.client in self.clients:
                self.clients[content.client].take(content, self.real)

    def _collect(self) -> None:
        for answer in self.directory.out:
            self._post(answer)
        self.directory.out.clear()

    def _send(self, client: str, sequence: int, command: Any) -> None:
        self._post((client, sequence, command))

    def _post(self, content: Any) -> None:
        rng = self.rng
        faulty = self.faults and not self.quiet
        if faulty and rng.random() < 0.05:
            return
        delay = rng.randint(1, 6)
        if faulty and rng.random() < 0.1:
            delay = rng.randint(10, 250)
        self._posted += 1
        self._mail.append((self.real + delay, self._posted, content))

    # ── faults and work ─────────────────────────────────────────────────────────────────────────────────

    def _birth(self) -> None:
        self._born += 1
        name = f"c{self._born}"
        rate = self.rng.choice((0.996, 1.0, 1.004))
        client = Client(
            name,
            self.rng,
            self.history,
            self._send,
            self.settings.read_lease_ms,
            rate,
            self.flaws,
        )
        self.clients[name] = client

    def _mishap(self) -> None:
        rng, dice = self.rng, self.rng.random()
        name = rng.choice(list(self.clients))
        if dice < 0.002:
            self._frozen[name] = self.real + rng.randint(50, 500)
        elif dice < 0.003:
            del self.clients[name]
            for op in self.history.ops:
                if op.client == name and op.end is None:
                    op.failed = True
            if rng.random() < 0.5:
                self.directory.end_session(f"s-{name}")
            self._birth()
        elif dice < 0.0035:
            self._away = self.real + rng.randint(20, 300)

    def _work(self, client: Client) -> None:
        rng, entry = self.rng, self.rng.choice(ENTRIES)
        thread = rng.randrange(self.threads)
        dice = rng.random()
        if dice < 0.08:
            client.evict(entry)
        elif self.history.busy(client.name, thread):
            return
        elif dice < 0.62:
            client.read(entry, thread)
        elif dice < 0.93:
            client.write(entry, thread, self.history.fresh())
        elif dice < 0.97:
            client.delete(entry, thread)
        elif dice < 0.98:
            client._ask(c.InvalidateTag(NAME, 0, "t"), None)

    # ── what must hold ──────────────────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        """One owner at the most, in the directory; and, in strict mode, in what clients trust."""
        for entry in self.directory.cache.entries.values():
            states = [line.state for line in entry.lines.values()]
            assert len(states) == 1 or not {"EXCLUSIVE", "MODIFIED"} & set(states), states
        if self.settings.mode == "STRICT":
            self._check_owners()

    def _check_owners(self) -> None:
        for name in ENTRIES:
            states = []
            for client in self.clients.values():
                client.now = self.real * client.rate
                held = client.trusted(name)
                if held is not None:
                    states.append(held.state)
            owners = [state for state in states if state != "SHARED"]
            assert len(owners) <= 1, f"{name}: {states}"
            assert "MODIFIED" not in owners or len(states) == 1, f"{name}: {states}"

    def check_quiet(self) -> None:
        """What the directory has is what the clients have."""
        cache, clients = self.directory.cache, self.clients
        assert not cache.waits
        assert not cache.changing
        assert not cache.leaving.times
        attachments = {client.attachment: client for client in clients.values()}
        assert set(cache.listeners) <= set(attachments), "listeners that nobody is"
        for client in clients.values():
            listener = cache.listeners[client.attachment]
            have = {held.token: (name, held.state) for name, held in client.lines.items()}
            known = {
                token: (name, cache.entries[name].lines[listener.attachment].state)
                for token, name in listener.lines.items()
            }
            assert have.items() <= known.items()
            assert have == known or client.lost_track
        counted = [line.state for entry in cache.entries.values() for line in entry.lines.values()]
        begun = {each.change.ticket for each in cache.entries.values() if each.change is not None}
        assert dict(cache.withdrawable) == {
            asker_of(wait): ticket for ticket, wait in cache.waits.items() if ticket not in begun
        }
        assert (cache.modified, cache.exclusive, cache.shared) == tuple(
            counted.count(state) for state in ("MODIFIED", "EXCLUSIVE", "SHARED")
        )

    def check_replay(self) -> None:
        state = ABSENT
        for logged in self.directory.log:
            state = decider.evolve(state, logged.event)
        assert state == self.directory.cache

    def judge(self) -> Judge:
        return Judge(self.history, self.directory.log)

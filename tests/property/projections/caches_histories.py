"""Random logs of caches by the real decider. Not a test itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from streams.domain.caches import commands as c
from streams.domain.caches.events import CacheCreated, EntriesRemoved, FillEnded
from streams.domain.caches.kind import CACHES as KIND
from streams.domain.caches.settings import CacheSettings
from streams.domain.caches.state import Cache
from streams.log.positions import PartitionId
from streams.log.vocabulary import Vocabulary
from tests.property.projections.play import History, Move, Play, Rules, moves

WHERE = PartitionId("caches", 0)
WORDS = Vocabulary(KIND)
KEYS = ("acme/c", "acme/c#1", "zeta/c")
SETTINGS = CacheSettings("STRICT", "BACK", 6, 10_000, 1_000, 0, 1_000, 100)
ENTRIES = ("x", "y", "z", "k1", "k2", "k3", "k4")
CLIENTS = ("a", "b", "d")
VERBS = (
    *("read",) * 14, *("write",) * 14, *("listen",) * 10, *("tick",) * 6, *("back", "pass", "fill") * 4,
    *("delete", "warm", "tag", "fail", "withdraw", "gone") * 2, "stop", "create", "configure", "close", "session",
    "failed", "poison", "stranger",
)  # fmt: skip
MOVES = moves(KEYS, VERBS)


def history(moves: Sequence[Move]) -> History[Cache]:
    """Play `moves`; the rest goes into a last commit. Every cache is made at first, and has listeners."""
    play = Play(Rules(WHERE, WORDS, _asked, _spoiled), KEYS)
    for key in KEYS:
        play.move(Move(key, "create", 0, 1, False, None))
        for pick in range(len(CLIENTS)):
            play.move(Move(key, "listen", pick, 1, False, None))
    for move in moves:
        play.move(move)
    play.commit(0)
    return play.read()


def _spoiled(cache: Cache, number: int) -> tuple[Any, ...]:
    if cache.settings is None:
        return (CacheCreated(number + 5, SETTINGS),)
    return (EntriesRemoved(tuple(cache.entries), "EVICTED"), FillEnded("nobody loads it", 1, "FAILED", ""))


def _asked(move: Move, cache: Cache, sequence: int) -> tuple[Any, str]:
    client = CLIENTS[move.pick % len(CLIENTS)]
    return _command(move, cache, client, sequence), client


def _command(move: Move, cache: Cache, client: str, sequence: int) -> Any:
    name, _, number = move.key.partition("/")[2].partition("#")
    at, pick, flag = (name, int(number or 0)), move.pick // 3, move.flag
    entry = ENTRIES[pick % len(ENTRIES)]
    mine = cache.attached.get(("dev", client), 0)
    listener, there = cache.listeners.get(mine), cache.entries.get(entry)
    line = there.lines.get(mine) if there is not None else None
    token = 0 if line is None else line.token
    fill = 0 if there is None or there.fill is None else there.fill.token
    keep: c.LineState = ("INVALID", "EXCLUSIVE", "MODIFIED")[pick % 3] if mine else "INVALID"
    value, tags = b"v" * (1 + pick % 40), (("t",), (), ("t", "u"))[pick % 3]
    version = -1 if flag or there is None else there.version
    settings = replace(
        SETTINGS, mode="STRICT" if at[1] == 0 else "RELAXED", ttl_ms=(0, 0, 200)[pick % 3], max_entries=3 + pick % 5
    )  # fmt: skip
    held, held_token = _modified(cache, mine, pick)
    dropped = () if token == 0 or pick % 4 else (c.LineRef(entry, token),)
    after = 0 if listener is None else listener.posted if flag else listener.acked
    made: dict[str, Callable[[], Any]] = {
        "create": lambda: c.CreateCache(*at, settings),
        "configure": lambda: c.ConfigureCache(*at, settings, 0),
        "close": lambda: c.DeleteCache(*at),
        "listen": lambda: c.Listen(*at, 0 if pick % 9 == 0 else mine, after if mine else 0, dropped, mine),
        "stop": lambda: c.StopListening(*at, mine),
        "read": lambda: c.ReadEntry(*at, entry, 0 if pick % 7 == 0 else mine, flag, 60 * (move.count % 3)),
        "write": lambda: c.WriteEntry(*at, entry, value, tags, -1, version, mine, keep, token, 500),
        "delete": lambda: c.DeleteEntry(*at, entry, -1, mine, token, 500),
        "back": lambda: c.WriteBack(*at, held, mine, held_token, value if flag else None, keep),
        "fill": lambda: c.FillEntry(*at, entry, fill, value, tags, -1, mine, "EXCLUSIVE" if mine else "INVALID"),
        "fail": lambda: c.FailFill(*at, entry, fill, "no \0 luck"),
        "tag": lambda: c.InvalidateTag(*at, "t" if flag else "u"),
        "warm": lambda: c.WarmEntries(*at, tuple(
            c.NewEntry(each, value, tags, -1) for each in sorted(set(ENTRIES[pick % 5 : pick % 5 + move.count]))
        )),
        "withdraw": lambda: c.WithdrawWait(*at, max(1, sequence - 1 - pick % 4)),
    }  # fmt: skip
    return made[move.verb]()


def _modified(cache: Cache, attachment: int, pick: int) -> tuple[str, int]:
    """An entry that the listener holds Modified, with its token; else one that it does not."""
    held = [
        (name, entry.lines[attachment].token)
        for name, entry in sorted(cache.entries.items())
        if attachment in entry.lines and entry.lines[attachment].state == "MODIFIED"
    ]
    return held[pick % len(held)] if held else (ENTRIES[0], 1)

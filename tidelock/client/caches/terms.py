"""How a cache behaves, and how one client uses it, as callers write it; the one place where commands get it from."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack

from streams.domain.caches.limits import refuse_settings
from streams.domain.caches.settings import CacheMode, CacheSettings, WritePolicy
from tidelock.client.caches.lost import LostLine
from tidelock.client.caches.ports import Loader, SecondTier, Writer
from tidelock.client.errors import BadArgument
from tidelock.client.queues.codecs import Bytes, Codec
from tidelock.client.rejections import rejection_error
from tidelock.client.terms import ms_of

Keep: TypeAlias = Literal["INVALID", "EXCLUSIVE", "MODIFIED"]
WriterOrder: TypeAlias = Literal["FIRST", "AFTER", "BEHIND"]

DEFAULTS: Final = CacheSettings(
    mode="STRICT",
    write_policy="BACK",
    max_entries=100_000,
    max_bytes=1 << 28,
    max_value_bytes=65_536,
    ttl_ms=0,
    read_lease_ms=10_000,
    fill_lease_ms=10_000,
)


class CacheOptions(TypedDict, total=False):
    """What may be said when a cache is created or configured. Times in seconds; bounds are those of one shard."""

    mode: CacheMode
    """STRICT (default): a write answers when nobody can read the old value any more. RELAXED: at once. For good."""
    write_policy: WritePolicy
    """BACK (default): clients may keep lines Modified. THROUGH: they may not."""
    max_entries: int
    """Default 100,000; beyond it entries are evicted."""
    max_bytes: int
    """Of values; default 256 MiB."""
    max_value_bytes: int
    """Default and most: 64 KiB."""
    ttl: float
    """How long entries are kept that are put without one; default 0: without end."""
    read_lease: float
    """How long a client that is not heard may go on using its lines; default 10. Strict writes wait so long."""
    fill_lease: float
    """How long a loader may take; default 10."""


_TIMES: Final = {"ttl": "ttl_ms", "read_lease": "read_lease_ms", "fill_lease": "fill_lease_ms"}


def settings_of(before: CacheSettings = DEFAULTS, **options: Unpack[CacheOptions]) -> CacheSettings:
    """Return `before` with what `options` change. Raises `BadArgument`."""
    given: dict[str, Any] = {}
    for name, each in options.items():
        known = name in CacheOptions.__annotations__
        if not known:
            raise BadArgument(f"A cache has no option {name!r}. See `tidelock.CacheOptions`.")
        given[_TIMES.get(name, name)] = ms_of(each, name) if name in _TIMES else each  # type: ignore[arg-type]
    settings = replace(before, **given)
    refused = refuse_settings(settings)
    if refused is not None:
        raise rejection_error(refused)
    return settings


class CacheUse(TypedDict, total=False):
    """How one client uses a cache. Times in seconds."""

    codec: Codec[Any]
    """What values are made of; default: bytes."""
    keep: Keep
    """The line to keep of what is put: EXCLUSIVE (default), MODIFIED (further writes stay here), INVALID (none)."""
    max_entries: int
    """Of lines kept here; default 10,000; 0: none."""
    max_bytes: int
    """Of their values as they are written; default 64 MiB."""
    wait: float
    """How long reads and writes wait for changes and loads under way, up to 60; default 30."""
    loader: Loader[Any] | None
    """Loads what is missing."""
    writer: Writer[Any] | None
    """Is given what is put and deleted."""
    writer_order: WriterOrder
    """The writer comes FIRST (default), AFTER the directory, or BEHIND: later, in order."""
    writer_timeout: float
    """How long the writer may take, default 10; then it is cancelled."""
    tier: SecondTier | None
    """Copies that clients share, of a RELAXED cache."""
    on_invalidated: Callable[[str], None] | None
    """Told, on the event loop, of each entry that was kept here and that somebody else changed; must not block."""
    on_lost: Callable[[LostLine], None] | None
    """Told, on the event loop, of each Modified line that is lost; must not block. Default: a warning is logged."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`CacheUse` with its defaults."""

    codec: Codec[Any] = Bytes()  # noqa: RUF009 - it has no state
    keep: Keep = "EXCLUSIVE"
    max_entries: int = 10_000
    max_bytes: int = 1 << 26
    wait: float = 30.0
    loader: Loader[Any] | None = None
    writer: Writer[Any] | None = None
    writer_order: WriterOrder = "FIRST"
    writer_timeout: float = 10.0
    tier: SecondTier | None = None
    on_invalidated: Callable[[str], None] | None = None
    on_lost: Callable[[LostLine], None] | None = None

    @property
    def wait_ms(self) -> int:
        """How long commands wait."""
        return ms_of(self.wait, "wait")

    def same_as(self, other: "Terms") -> bool:
        """Say whether both mean the same use: any two codecs of one class do."""
        return type(self.codec) is type(other.codec) and replace(self, codec=other.codec) == other


def terms_of(**use: Unpack[CacheUse]) -> Terms:
    """Return the terms that `use` names. Raises `BadArgument`."""
    for name in use:
        if name not in CacheUse.__annotations__:
            raise BadArgument(f"A cache is not used with {name!r}. See `tidelock.CacheUse`.")
    terms = Terms(**use)
    if not 0 <= terms.wait_ms <= 60_000:
        raise BadArgument(f"wait is {terms.wait} s, 0 to 60 are possible.")
    if not 1 <= ms_of(terms.writer_timeout, "writer_timeout") <= 600_000:
        raise BadArgument(f"writer_timeout is {terms.writer_timeout} s, 0.001 to 600 are possible.")
    if terms.max_entries < 0 or terms.max_bytes < 0:
        raise BadArgument("max_entries and max_bytes must be 0 or more.")
    if terms.keep not in ("INVALID", "EXCLUSIVE", "MODIFIED"):
        raise BadArgument(f"keep is {terms.keep!r}. Choose INVALID, EXCLUSIVE or MODIFIED.")
    if terms.writer_order not in ("FIRST", "AFTER", "BEHIND"):
        raise BadArgument(f"writer_order is {terms.writer_order!r}. Choose FIRST, AFTER or BEHIND.")
    if terms.writer is not None and terms.keep == "MODIFIED":
        raise BadArgument(
            "A cache with a writer cannot keep MODIFIED: what is written to such a line stays here, unseen by the "
            "writer. Keep EXCLUSIVE; writer_order='BEHIND' spares callers the wait."
        )
    return terms


def ttl_ms_of(ttl: float | None) -> int:
    """Return a time to live as commands have it; None: the cache's."""
    return -1 if ttl is None else ms_of(ttl, "ttl")

"""What a cache, and an entry, is made of."""

from typing import Any, Final, cast

import strawberry

from api.payloads import bytes_of
from api.types.caches import CacheMode, WritePolicy
from api.types.scalars import Long
from tidelock.client.caches.terms import CacheOptions

_SECONDS: Final = ("ttl", "read_lease", "fill_lease")
_SAME: Final = ("max_entries", "max_bytes", "max_value_bytes")
_ENUMS: Final = ("mode", "write_policy")


@strawberry.input(
    description="How a cache behaves: what is left out is as before, or the default. Bounds are those of one shard."
)
class CacheSettingsInput:
    """What createCache and configureCache set."""

    mode: CacheMode | None = strawberry.field(
        default=None, description="STRICT, the default, or RELAXED; cannot be changed later."
    )
    write_policy: WritePolicy | None = strawberry.field(
        default=None, description="BACK, the default, or THROUGH."
    )
    max_entries: int | None = strawberry.field(default=None, description="100,000.")
    max_bytes: Long | None = strawberry.field(default=None, description="Of values; 256 MiB.")
    max_value_bytes: int | None = strawberry.field(
        default=None, description="At most, and by default, 64 KiB."
    )
    ttl_ms: Long | None = strawberry.field(
        default=None, description="Of entries that are put without one; 0, the default: none."
    )
    read_lease_ms: int | None = strawberry.field(
        default=None, description="How long a client may trust its lines without being heard; 10 s."
    )
    fill_lease_ms: int | None = strawberry.field(
        default=None, description="How long whoever loads a missing entry may take; 10 s."
    )

    def options(self) -> CacheOptions:
        """Return what was given, as the client takes it."""
        given: dict[str, Any] = {name: getattr(self, name) for name in _SAME}
        given |= {name: getattr(self, name) and getattr(self, name).value for name in _ENUMS}
        for name in _SECONDS:
            given_ms = getattr(self, f"{name}_ms")
            given[name] = None if given_ms is None else given_ms / 1000
        return cast("CacheOptions", {name: one for name, one in given.items() if one is not None})


@strawberry.input(
    description="An entry: its value as `text`, or as `base64` of what is no text; up to 64 KiB."
)
class CacheEntryInput:
    """What is put."""

    name: str
    text: str | None = None
    base64: str | None = None
    tags: list[str] = strawberry.field(
        default_factory=list, description="Up to 16, by which groups of entries are invalidated."
    )
    ttl_ms: Long | None = strawberry.field(default=None, description="Default: the cache's; 0: none.")

    def value(self) -> bytes:
        """Return the value. Raises `BadArgument`."""
        return bytes_of(self.text, self.base64, "An entry")

    @property
    def ttl(self) -> int:
        """The time to live as commands have it."""
        return -1 if self.ttl_ms is None else self.ttl_ms

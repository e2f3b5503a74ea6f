"""Keys: `tenant/name`, the unit of placement and of decision."""

from functools import lru_cache

from streams.domain.decider import Rejected
from streams.wire.murmur2 import partition_of

MAX_NAME_BYTES = 512
MAX_TENANT_BYTES = 64


def key_of(tenant: str, name: str) -> str:
    """Return the key of the resource `name` of `tenant`."""
    return f"{tenant}/{name}"


def tenant_of(key: str) -> str:
    """Return whose resource it is."""
    return key.partition("/")[0]


def name_problem(name: str) -> Rejected | None:
    """Return why `name` cannot name a resource, or None."""
    if not name:
        return Rejected("BAD_NAME", "The name is empty. Give it at least one character.")
    if len(name) <= MAX_NAME_BYTES and not name.isprintable():
        return Rejected("BAD_NAME", "The name holds characters that cannot be printed. Leave them out.")
    if len(name) > MAX_NAME_BYTES or len(name.encode()) > MAX_NAME_BYTES:
        return Rejected(
            "BAD_NAME",
            f"The name is longer than {MAX_NAME_BYTES} bytes (UTF-8). Use a shorter one, or its digest.",
        )
    return None


def place(tenant: str, name: str, partitions: int) -> tuple[Rejected | None, str, int]:
    """Return (problem, key, partition) of a resource; with a problem the key is empty and the partition -1."""
    if len(name) > MAX_NAME_BYTES:
        return name_problem(name), "", -1
    return _place(tenant, name, partitions)


@lru_cache(maxsize=65_536)
def _place(tenant: str, name: str, partitions: int) -> tuple[Rejected | None, str, int]:
    problem = name_problem(name)
    if problem is not None:
        return problem, "", -1
    key = key_of(tenant, name)
    return None, key, partition_of(key, partitions)

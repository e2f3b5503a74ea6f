"""The decision behind a change, for machines, and in a few words for people."""

from streams.replay.causes import Cause


def cause_facts(cause: Cause) -> dict[str, object]:
    """Return a decision for machines."""
    return {
        "position": str(cause.position),
        "index": cause.index,
        "time_ms": cause.time_ms,
        "lease_ms": cause.lease_ms,
        "lane": cause.lane,
        "command": cause.command,
        "principal": cause.principal,
        "client": cause.client,
        "handle": cause.handle,
        "sequence": cause.sequence,
        "issued_ms": cause.issued_ms,
    }


def who_of(cause: Cause) -> str:
    """Return who asked; of a timer, nobody."""
    if not cause.client:
        return "nobody (its timer)"
    return f"{cause.principal}/{cause.client}/{cause.handle}#{cause.sequence}"

"""What every command carries besides itself. Standard library only."""

from dataclasses import dataclass


@dataclass(slots=True, unsafe_hash=True)
class CommandMeta:
    """Who sends a command, its place among that client's commands, and its times; treated as immutable."""

    floor: int
    """Every sequence below it is answered and done."""
    tenant: str
    client: str
    """Chosen by the client, unique per running client."""
    sequence: int
    """Unique per client; a retry repeats it."""
    handle: str
    """Which of the client's handles asks; '' when it does not matter."""
    issued_ms: int
    """Wall time at which the client first issued it, ms since 1970."""
    deadline_ms: int
    """Wall time after which it must not be decided; default issued + 60 s."""
    traceparent: str | None = None
    """W3C trace context."""
    session: str | None = None
    """Registration token of the node it acts for."""

"""Cures as the command line says them: a worker's refusals name commands of the log, people type others."""

import re
from collections.abc import Mapping
from typing import Final

_TYPED: Final[Mapping[str, str]] = {
    "ConfigureCache": "tidelock cache configure",
    "ConfigureQueue": "tidelock queue configure",
    "CreateCache": "tidelock cache create",
    "CreateQueue": "tidelock queue create",
    "EvictNode": "tidelock node evict",
    "InspectCache": "tidelock cache show",
    "InspectQueue": "tidelock queue stats",
    "RegisterNode": "tidelock.connect(node=...)",
}
_NAMED: Final = re.compile(rf"\(({'|'.join(_TYPED)})\b")


def typed_cures(message: str) -> str:
    """Return the message with what is typed in place of commands of the log, where there is such a thing."""
    return _NAMED.sub(lambda found: f"(`{_TYPED[found[1]]}`", message)

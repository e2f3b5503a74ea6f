"""Tokens that a local stack makes up at its first start: in its directory, readable by the owner only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LocalToken:
    """One token: the environment's, else the one in the stack's directory."""

    variable: str
    file: str

    def known(self, home: Path, env: Mapping[str, str] = os.environ) -> str | None:
        """Return the environment's token, else the one the stack in `home` chose; None without."""
        if env.get(self.variable):
            return env[self.variable]
        file = home / self.file
        return file.read_text() if file.exists() else None

    def chosen(self, home: Path) -> str:
        """Return the token, choosing one at the first start; readable by the owner only."""
        token = self.known(home)
        if token is None:
            token = secrets.token_urlsafe(24)
            file = home / self.file
            file.touch(mode=0o600)
            file.write_text(token)
        return token


DEV = LocalToken("TIDELOCK_DEV_TOKEN", "dev-token")
"""Lets programs of this machine's developer talk to the local workers and API."""
OPERATOR = LocalToken("TIDELOCK_OPERATOR_TOKEN", "operator-token")
"""Lets whoever runs the local stack do what no client may: activate a feature level."""
SYSTEM = LocalToken("TIDELOCK_SYSTEM_TOKEN", "system-token")
"""Lets the stack's own processes do what only they may: end sessions and waits."""

"""The token that lets programs of this machine's developer talk to the local workers."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "TIDELOCK_DEV_TOKEN"


def dev_token(home: Path, env: Mapping[str, str] = os.environ) -> str | None:
    """Return the environment's token, else the one the stack in `home` chose; None without."""
    if env.get(VARIABLE):
        return env[VARIABLE]
    file = home / "dev-token"
    return file.read_text() if file.exists() else None


def chosen(home: Path) -> str:
    """Return the token, choosing one at the first start; readable by the owner only."""
    token = dev_token(home)
    if token is None:
        token = secrets.token_urlsafe(24)
        file = home / "dev-token"
        file.touch(mode=0o600)
        file.write_text(token)
    return token

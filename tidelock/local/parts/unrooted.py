"""Which account a program that refuses root gets when the stack runs as root (in containers, mostly).

First choice: a user namespace, in which root is *shown* as `nobody`: files stay root's, directories such
as `/root` stay closed to others, and nothing on the machine changes. Where the kernel or a container
forbids that, the account `nobody` itself, which then must be able to reach the program and own the data.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import stat
from pathlib import Path

from tidelock.local.child import shimmed
from tidelock.local.errors import PartMissing
from tidelock.local.parts.part import Account, Launch

_CURE = "Run as an ordinary user, or set TIDELOCK_POSTGRES to a running server."


async def account_for(part: str, program: Path, data: Path) -> Account | None:
    """Return the account to use, its rights to `program` and `data` made sure; raises PartMissing."""
    if os.geteuid() != 0:
        return None
    uid, gid = _nobody(part)
    shown = Account(uid, gid, namespace=True)
    if _owner(data) != uid and await _works(shown):
        return shown
    os.chown(data, uid, gid)
    for path in (program, data):
        _require_reachable(part, path)
    return Account(uid, gid, namespace=False)


def _owner(path: Path) -> int:
    return path.stat().st_uid


def _nobody(part: str) -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise PartMissing(
            part, "it refuses root, and there is no account 'nobody' to lend it", _CURE
        ) from None
    return entry.pw_uid, entry.pw_gid


async def _works(account: Account) -> bool:
    argv = shimmed(Launch(("true",), account=account))
    quiet = asyncio.subprocess.DEVNULL
    probe = await asyncio.create_subprocess_exec(*argv, stdin=quiet, stdout=quiet, stderr=quiet)
    return await probe.wait() == 0


def _require_reachable(part: str, path: Path) -> None:
    for folder in path.parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            what = f"it refuses root, and other accounts cannot enter {folder}"
            raise PartMissing(part, what, f"Run `chmod o+x {folder}`. Or: {_CURE}")

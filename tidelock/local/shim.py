"""Become another program that dies with its parent.

Run as a file with the standard library only: `python -I -S shim.py PARENT SIGNAL UID GID NICE -- program
...`. Linux sends SIGNAL to a process whose parent *thread* ended (prctl PR_SET_PDEATHSIG); the setting
survives exec, but not a change of user, so the user is changed first. Elsewhere this only checks the
parent, and the watcher does the rest.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Change user, tie this process to its parent, exec."""
    parent, signal, uid, gid, nice = (int(word) for word in argv[:5])
    program = argv[6:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if nice:
        os.nice(nice)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above took effect
        sys.exit(0)
    os.execvp(program[0], program)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])

"""Become another program that dies with its parent.

Run as a file with the standard library only:
`python -I -S shim.py PARENT SIGNAL NICE UID GID NAMESPACE -- program arguments...`.

Linux sends SIGNAL to a process whose parent *thread* ended (prctl PR_SET_PDEATHSIG); the setting survives
exec, but not a change of user, so the user is changed first. Elsewhere this only checks the parent, and
the watcher does the rest. With NAMESPACE 1, root does not become UID but is shown to the program as UID
in a user namespace of its own: the program believes that it is not root, and yet may use root's
directories.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_NO_NAMESPACE = 3


def main(argv: list[str]) -> None:
    """Change user, tie this process to its parent, exec."""
    parent, signal, nice, uid, gid, namespace = (int(word) for word in argv[:6])
    program = argv[7:]
    libc = ctypes.CDLL(None, use_errno=True)
    if nice:
        os.nice(nice)
    if namespace:
        _show_root_as(libc, uid, gid)
    elif uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above took effect
        sys.exit(0)
    os.execvp(program[0], program)  # noqa: S606 - no shell is the point


def _show_root_as(libc: ctypes.CDLL, uid: int, gid: int) -> None:
    if libc.unshare(_CLONE_NEWUSER) != 0:
        sys.exit(_NO_NAMESPACE)
    for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} 0 1"), ("gid_map", f"{gid} 0 1")):
        with open(f"/proc/self/{file}", "w") as out:  # noqa: PTH123 - pathlib would double this program's start
            out.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])

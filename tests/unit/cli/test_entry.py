"""The program `tidelock`, interrupted while it loads."""

import subprocess
import sys

INTERRUPTED = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "tidelock.cli.main":
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder())
from tidelock.cli.entry import main
main()
"""


def test_ctrl_c_while_it_loads_ends_it_without_a_word() -> None:
    ran = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (-2, b"")

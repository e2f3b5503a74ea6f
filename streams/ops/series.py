"""How many series names may make that anybody invents."""

from typing import Final

OTHER: Final = "__other__"
"""The name under which are told together those that have no series of their own."""
NAMES: Final = 1_000
"""How many names have series of their own, first come, first served.

Of a tenant in what is counted from the log; of all tenants, who share them evenly, in what clients tell one worker.
"""

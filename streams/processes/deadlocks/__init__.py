"""The deadlock detector: accepted commits of all lock partitions in, barriers and aborts out.

`blockers` says who keeps whom waiting at one lock, `graph` knows all locks, `cycles` finds a circle in it, `detector`
confirms it and names the victim; those are pure. `process` is the shell around them.
"""

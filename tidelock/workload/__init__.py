"""Workloads: real clients that work real locks, and the proof, from the log, that nothing went wrong.

Speaks through the client and the log, like any user; knows no engine.
"""

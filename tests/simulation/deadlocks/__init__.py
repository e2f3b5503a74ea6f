"""Deadlocks, simulated: real owners, the real client library and real detectors over three partitions.

A world of its own beside that of `tests.simulation`, on the same loop, log and network: there one partition suffers
everything that can befall a log; here it is the moments that lie between several.
"""

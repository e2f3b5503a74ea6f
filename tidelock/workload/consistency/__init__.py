"""Whether what clients of a strict cache saw is sequentially consistent: their histories against the log.

Pure: no clock, no I/O. Used by the cache workload and by tests; it trusts the accept rule for what is in the log, and
nothing else: not the decider, not the fold, not the client library.

**What is checked.** The histories are consistent if there is one order of all operations in which (a) each client's own
operations stand in the order in which it did them, (b) all that the log decided stands in the order of the log, and
(c) each read returns the value that the operation before it, of those that change the entry, left. (a) and (c) alone
are sequential consistency; (b) makes the order of writes known, without which the question is NP-complete (Gibbons and
Korach 1997), and asks for more: a write's point is its event in the log, and a read answered by the directory has the
point of its grant.

**How hits enter.** A hit is in no log. It returned a version, which was current from the event that brought it to the
event that ended it, so its point lies between those. Where between is not known and need not be: it is after all that
its client had seen before it began. So one walk along a client's history keeps the latest place in the log that the
client has seen (its floor). A read begun at or after the end of its version is stale; a write whose event lies at or
before the floor took effect before it began. If nothing is found, `max(floor, beginning of the version)` is a point
for each operation, and the order by points is the witness that consistency asks for. Of several partitions the places
cannot be compared: then the orders of the logs and of the clients are joined and must have no cycle.

**Clocks.** None is needed for that: `began` and `ended` of an operation count within one client. Operations of several
clients whose counts are of one clock (one process, one event loop) say so by the same `clock`; then what one client had
seen before another's operation began binds that one, too, and the verdict is linearizability with respect to that
clock. Counts of different clocks are never compared, so that no skew can hide or feign a violation.

**What is not judged.** Reads without an answer; writes without one, but what others read of them is; which of several
absences of an entry a read met (it is taken for the earliest that fits; where orders are joined, for any of them). What
was written to a Modified line that was lost (`LineLost`) counts as written and undone: only its owner read it, and the
log says so.

Near-linear: sorting the histories, one walk, and for several partitions one search for a cycle.
"""

"""Windows of event time: pure, mergeable, restorable. No clock, no I/O; they import the standard library only."""

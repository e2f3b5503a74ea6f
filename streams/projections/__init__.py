"""Read models as pure folds: accepted commits in, row changes out. No I/O; they import the log and the domain only."""

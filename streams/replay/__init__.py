"""Reading a log again: bounded reads, verification."""

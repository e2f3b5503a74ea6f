"""The write side: owners, lanes, assignment, the worker process."""

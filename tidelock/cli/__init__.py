"""The command line: `tidelock up | status | lock | log | rewind | explain | verify | workload | ...`, by `main.main`.

Each command is a thin shell: it finds the stack, calls the library, shows the outcome as a table or, with
`--json`, for machines, and ends with one of the documented exit codes (`exits`).
"""

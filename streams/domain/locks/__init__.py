"""Locks: shared and exclusive, with leases, fencing tokens and a fair queue. Standard library only."""

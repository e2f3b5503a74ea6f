"""The log: records, hash chain, the accept rule, the fold."""

"""Caches: a MESI directory, as pure code. Who has which line, who must give it up, who may write."""

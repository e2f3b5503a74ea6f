"""A kind that only tests know: counters. Nothing outside this folder speaks of it (docs/adding-a-kind.md)."""

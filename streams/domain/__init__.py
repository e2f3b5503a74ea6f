"""Pure deciders. Standard library only."""

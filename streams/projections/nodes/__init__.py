"""The read model of nodes, services and the brake: pure folds."""

"""Activity: windows of a minute over the decisions of every kind, of each name and of each tenant."""

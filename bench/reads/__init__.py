"""What the read side is measured by: projector, API, subscriptions, deadlock detector."""

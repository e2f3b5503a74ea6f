"""The read models of the kind `queues`."""

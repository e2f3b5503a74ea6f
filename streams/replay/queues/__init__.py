"""Queues: what one message went through, and what must hold of all of them."""

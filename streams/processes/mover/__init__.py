"""The mover: takes messages that are MOVING to the queue that they are on their way to. `process` is its shell."""

"""What is asked for by name, from the hot copies, which costs PostgreSQL nothing."""

"""What can be asked: the fields of `Query`."""

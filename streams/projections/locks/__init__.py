"""The read models of the kind `locks`."""

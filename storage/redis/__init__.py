"""Hot rows in Redis: a copy that may be lost at any time, and says where it stands."""

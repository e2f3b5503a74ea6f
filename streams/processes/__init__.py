"""Events in, commands out: what watches the logs and acts on them. It never touches the truth but by commands."""

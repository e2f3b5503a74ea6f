"""What the write side is measured by, on locks."""

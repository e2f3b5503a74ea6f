"""Dead letters of the platform, looked at: found, decoded as far as possible, tried again. Pure but for its reader."""

"""How messages reach workers: one port, and an implementation for each kind of broker."""

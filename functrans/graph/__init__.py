"""The staged program: a typed, flat list of equations."""

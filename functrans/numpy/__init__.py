"""NumPy's namespace for traced arrays."""

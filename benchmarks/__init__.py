"""Side-by-side benchmarks of functrans and its peers: ``python -m benchmarks``."""

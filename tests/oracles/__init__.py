"""Comparisons with other libraries: ``pytest -m oracle``."""

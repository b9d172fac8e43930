"""Kernels for single operations on large arrays outside of jit."""

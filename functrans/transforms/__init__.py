"""The transforms: one file an interpreter, with the functions that users call."""

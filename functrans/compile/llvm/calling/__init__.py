"""Calls from Python: builtins that check arguments and make results in native code."""

"""Kinds of native work: each file emits one, as a function of pointers to its operands."""

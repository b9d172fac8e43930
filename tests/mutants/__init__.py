"""Mutants: each rule of a primitive made wrong in one way at a time, mechanically.

A mutant wraps one field of a primitive's record: a derivative rule (both modes at once where one
partial serves both), the batching rule, the shape rule, the implementation, or a flag. It is
*killed* if a check of ``check_rules`` fails at some sample, or the wrong rule itself raises. It is
*equivalent* if the wrapped rule ran on plain values, and returned the same values as the original
every time: then it is no other rule. Everything else has survived, which is a hole in the samples
or in the checks.
"""

from tests.mutants.records import Mutant as Mutant
from tests.mutants.run import (
    count_rules as count_rules,
    fate as fate,
    fates as fates,
    mutants_of as mutants_of,
    names as names,
    rows_of as rows_of,
    survivors as survivors,
    unsound as unsound,
)

"""Structured control flow: ``scan``, ``while_loop``, ``cond`` and their like.

Their primitives take graphs as parameters, and the rules of these transform the graphs: see
:mod:`functrans.control.derived`. The functions of users are staged by
:mod:`functrans.control.closure`.
"""

from functrans.control import (
    checkpoint_policies as checkpoint_policies,
    inlining as inlining,  # which programs call, as they do the next
    recorded as recorded,
)
from functrans.control.associative import associative_scan as associative_scan
from functrans.control.checkpointing import checkpoint as checkpoint
from functrans.control.conditional import cond as cond, switch as switch
from functrans.control.jit import clear_caches as clear_caches, jit as jit
from functrans.control.repetition import fori_loop as fori_loop, while_loop as while_loop
from functrans.control.scanning import map as map, scan as scan
from functrans.control.schedules import binomial as binomial, every as every

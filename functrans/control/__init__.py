"""Staged programs and structured control flow: ``jit``, ``scan``, ``while_loop``, ``cond``.

Their primitives take graphs as parameters, and the rules of these transform the graphs: see
:mod:`functrans.control.derived`.
"""

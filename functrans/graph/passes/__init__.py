"""Passes: graphs to graphs that compute the same, to the bit."""

from functrans.graph.passes.algebra import simplify as simplify
from functrans.graph.passes.calls import flatten_calls as flatten_calls
from functrans.graph.passes.checking import check as check
from functrans.graph.passes.dead import remove_dead as remove_dead
from functrans.graph.passes.folding import fold_constants as fold_constants
from functrans.graph.passes.optimizing import optimize as optimize
from functrans.graph.passes.subexpressions import share_subexpressions as share_subexpressions

"""The rule book: one file a family."""
from functrans.core.algebra import algebra
from .arithmetic import *
from .comparison import *
from .exponential import *
from .indexing import *
from .reduction import *
from .shape import *
from .trigonometric import *
algebra.define(add=add, multiply=multiply, negative=negative, not_equal=not_equal, where=where, real=real, astype=astype, sum=sum, reshape=reshape, broadcast_to=broadcast_to, transpose=transpose, index_add=index_add, concatenate=concatenate, first_axis=first_axis, rows=rows, stack=stack)

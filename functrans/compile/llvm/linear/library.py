"""The functions of linear algebra that programs call, for matrices of float64."""

from __future__ import annotations

from functools import partial

from functrans.compile.llvm.code.library import Entry, Library
from functrans.compile.llvm.linear.factorizing import CHOLESKY, LU, cholesky, lu
from functrans.compile.llvm.linear.substitution import SUBSTITUTION, substitution
from functrans.compile.llvm.linear.transposing import TRANSPOSING, transposing

ELEMENT = "double"
"""NumPy's linear algebra has no other real numbers: those of float32 are converted."""

LIBRARY = Library(
    {
        "cholesky": Entry(partial(cholesky, element=ELEMENT), CHOLESKY, "i1"),
        "lu": Entry(partial(lu, element=ELEMENT), LU, "i1"),
        "substitution": Entry(partial(substitution, element=ELEMENT), SUBSTITUTION),
        "transposing": Entry(partial(transposing, element=ELEMENT), TRANSPOSING),
    },
    quick=True,
)

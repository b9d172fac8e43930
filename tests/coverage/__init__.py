"""The coverage table: what becomes of every public name of NumPy under every transform.

It is read by ``tests/test_coverage.py``, which runs it, and by ``docs/coverage.py``, which writes
it as a page.
"""

import numpy as np

import functrans.numpy as fnp
from tests.coverage import (
    emath,
    fft,
    functrans_numpy,
    linalg,
    ndarray,
    numpy_functions,
    numpy_other,
    numpy_reductions,
    numpy_shapes,
    numpy_ufuncs,
    polynomial,
    ufunc_methods,
)
from tests.coverage.rows import Namespace

NUMPY_ROWS = (
    numpy_ufuncs.ROWS
    | numpy_reductions.ROWS
    | numpy_shapes.ROWS
    | numpy_functions.ROWS
    | numpy_other.ROWS
)

NAMESPACES = [
    Namespace("numpy", np, NUMPY_ROWS),
    Namespace("numpy.linalg", np.linalg, linalg.ROWS),
    Namespace("numpy.fft", np.fft, fft.ROWS),
    Namespace("numpy.emath", np.emath, emath.ROWS),
    Namespace("numpy.lib.stride_tricks", np.lib.stride_tricks, numpy_shapes.STRIDE_TRICKS),
    Namespace("numpy.ndarray", np.ndarray, ndarray.ROWS, private_too=True),
    Namespace("numpy.ufunc", np.ufunc, ufunc_methods.ROWS),
    *(
        Namespace(
            f"numpy.polynomial.{name}",
            (theirs := getattr(np.polynomial, name)),
            getattr(polynomial, name.upper()),
            only=tuple(theirs.__all__),
            note=polynomial.NOTE,
            slow=name not in ("chebyshev", "polynomial"),  # the others are of the same making
        )
        for name in ("chebyshev", "hermite", "hermite_e", "laguerre", "legendre", "polynomial")
    ),
    Namespace(
        "functrans.numpy",
        fnp,
        functrans_numpy.ROWS,
        only=functrans_numpy.own(fnp, np, NUMPY_ROWS),
    ),
    Namespace(
        "functrans.numpy.linalg",
        fnp.linalg,
        functrans_numpy.LINALG_ROWS,
        only=functrans_numpy.own(fnp.linalg, np.linalg, linalg.ROWS),
    ),
]

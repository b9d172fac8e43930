"""Comparing results with those of eager NumPy, on the executor that the tests run on."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import functrans as ft

NATIVE = os.environ["FUNCTRANS_BACKEND"] == "llvm"
"""Whether programs are native code, unless a test says otherwise."""

ULPS = 4
"""Units in the last place by which results of native code may be off, of the largest number of the
array: its functions have errors of up to four, other than those of NumPy's, and it adds up in
another order, where what is left may be less than its terms."""


def same(found: Any, wanted: Any, *, exact: bool = not NATIVE, ulps: int = ULPS) -> None:
    """Equal by structure and type, leaf by leaf, and to the bit, or nearly so for native code."""
    a, b = ft.tree.leaves(found), ft.tree.leaves(wanted)
    assert ft.tree.structure(found) == ft.tree.structure(wanted)
    for x, y in zip(a, b, strict=True):
        assert type(x) is type(y)
        if not exact and np.asarray(y).dtype.kind in "fc":
            assert np.shape(x) == np.shape(y)
            assert np.asarray(x).dtype == np.asarray(y).dtype
            finite = np.abs(y)[np.isfinite(y)]
            atol = ulps * np.spacing(np.max(finite, initial=0.0))
            np.testing.assert_allclose(x, y, rtol=0.0, atol=float(atol))
        else:
            np.testing.assert_array_equal(x, y, strict=True)
            np.testing.assert_array_equal(np.signbit(np.real(x)), np.signbit(np.real(y)))

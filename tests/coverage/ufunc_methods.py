"""The methods and attributes of ufuncs; tests/test_ufunc_methods.py tries them for each ufunc."""

from __future__ import annotations

from tests.coverage.rows import Row, apart, several, works

ROWS: dict[str, Row] = {
    "reduce": works(
        {
            "np.add.reduce(x)": "A s",
            "np.multiply.reduce(x, axis=(0, 1))": "A",
            "np.maximum.reduce(x, axis=1, keepdims=True)": "A",
            "np.minimum.reduce(x, axis=None)": "A",
            "np.logical_or.reduce(x > 1.5) * x": "A",
            "np.logical_and.reduce(x > -1, axis=1, keepdims=True) * x": "A",
            "np.logaddexp.reduce(x)": "v A",
            "np.logaddexp.reduce(x, axis=1, keepdims=True)": "A",
            "np.subtract.reduce(x, axis=1, initial=2.0)": "A",
            "np.hypot.reduce(x, axis=(0, 2))": "C",
        }
    ),
    "accumulate": works(
        {
            "np.add.accumulate(x, axis=1)": "A",
            "np.multiply.accumulate(x)": "A",
            "np.maximum.accumulate(x, axis=1)": "A",
            "np.divide.accumulate(x)": "P Z",
        }
    ),
    "reduceat": works(
        {
            "np.add.reduceat(x, [0, 2, 1])": "v",
            "np.maximum.reduceat(x, [0, 1], axis=1)": "A",
            "np.hypot.reduceat(x, [1, 0], axis=0)": "A",
        }
    ),
    "outer": works(
        {
            "np.multiply.outer(x, y)": "A u",
            "np.subtract.outer(1.0, x)": "v",
            "np.divmod.outer(x, y)": "v u",
            "np.add.outer(x, y, dtype=np.float32)": "v u",
        }
    ),
    "at": works(
        {
            "after(x, 'np.add.at(b, [0, 2, 0], y)', y=y)": "v u A A2",
            "after(x, 'np.multiply.at(b, [0, 2, 0], y)', y=y)": "v u",
            "after(x, 'np.maximum.at(b, [0, 2, 0], y)', y=y)": "v u",
            "after(x, 'np.negative.at(b, [0, 2])')": "v",
        }
    ),
    **several(
        "identity nargs nin nout ntypes resolve_dtypes signature types",
        apart("a question about the ufunc"),
    ),
}

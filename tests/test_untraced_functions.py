"""Functions of the namespace with bodies of their own, called outside of transforms: as NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import functrans.numpy as fnp


class _Tagged(np.ndarray):
    """A subclass of ndarray."""


WORDS = np.array(["a", "bc"])
PAIRS = np.zeros(2, [("x", float), ("y", "U3")])
TABLE = np.arange(6.0).reshape(2, 3).T

UNTRACED: dict[str, list[tuple[tuple[object, ...], dict[str, object]]]] = {
    "ones": [
        ((3,), {}),
        (((2, 0), "f4", "F"), {}),
        ((2,), {"dtype": "U3"}),
        ((2,), {"dtype": object}),
        ((2,), {"dtype": "M8[D]"}),
        ((2,), {"dtype": PAIRS.dtype}),
        ((2,), {"dtype": bool, "device": "cpu"}),
        ((2,), {"like": TABLE}),
        (("a",), {}),
        ((-1,), {}),
    ],
    "full": [
        ((3, 1.5), {}),
        (((2, 3), [1, 2, 3]), {}),
        (((2, 3), np.float32(2), None, "F"), {}),
        ((3, 1.5, int), {}),
        ((3, 300, np.uint8), {}),
        ((3, 1j, float), {}),
        ((2, "word"), {}),
        ((2, None), {}),
        ((2, "word"), {"dtype": "U2"}),
        ((3, [1, 2]), {}),
        ((2, 1.0), {"device": "gpu"}),
    ],
    "zeros_like": [
        ((TABLE,), {}),
        ((TABLE, int), {"order": "C"}),
        ((WORDS,), {}),
        ((PAIRS,), {}),
        (([1, 2],), {}),
        ((TABLE.view(_Tagged),), {}),
        ((TABLE.view(_Tagged),), {"subok": False}),
        ((np.ma.masked_array([1.0, 2.0], [True, False]),), {}),
        ((TABLE,), {"shape": (2, 2), "dtype": "U1"}),
        ((TABLE,), {"device": "gpu"}),
    ],
    "ones_like": [
        ((TABLE,), {}),
        ((WORDS,), {}),
        ((TABLE.view(_Tagged),), {"dtype": bool}),
        ((3.0,), {"dtype": object}),
    ],
    "full_like": [
        ((TABLE, 2.5), {}),
        ((np.arange(3), 2.5), {}),
        ((np.arange(3, dtype=np.uint8), 300), {}),
        ((np.arange(3), [4, 5, 6]), {"dtype": complex}),
        ((WORDS, "long"), {}),
        ((TABLE, [1.0, 2.0, 3.0, 4.0]), {}),
    ],
    "copy": [
        ((TABLE,), {}),
        ((TABLE, "C"), {}),
        ((TABLE.view(_Tagged),), {}),
        ((TABLE.view(_Tagged),), {"subok": True}),
        (([1, 2],), {}),
        ((TABLE, "X"), {}),
    ],
    "take": [
        ((TABLE, [0, 2]), {"axis": 0}),
        ((TABLE, [7, -9]), {"mode": "wrap"}),
        ((TABLE, [7]), {}),
        ((TABLE.view(_Tagged), [0]), {}),
        (([1, 2, 3], 1), {}),
    ],
    "interp": [
        (([-1.0, 0.5, 9.0], [0.0, 1.0], [2.0, 4.0], 7.0, 8.0), {}),
        ((np.array([0.5]), np.array([0.0, 1.0]), np.array([2.0, 4j])), {}),
        ((TABLE, np.array([1.0, 0.0]), np.array([2.0, 4.0])), {"period": 3.0}),
        ((TABLE, np.array([1.0, 0.0]), np.array([2.0])), {}),
    ],
    "lexsort": [(((TABLE[0], TABLE[1]),), {}), ((TABLE, 0), {}), (([[2, 1], [1, 2]],), {})],
    "array": [
        ((TABLE,), {}),
        ((TABLE, "f4"), {}),
        ((TABLE,), {"copy": False}),
        ((TABLE,), {"order": "C", "ndmin": 3}),
        ((TABLE.view(_Tagged),), {"subok": True}),
        (([[1], [1, 2]],), {}),
    ],
    "asarray": [((TABLE,), {}), ((TABLE, int, "C"), {}), ((TABLE,), {"copy": True})],
    "asanyarray": [
        ((TABLE,), {}),
        ((TABLE, "f4"), {}),
        ((TABLE,), {"copy": True}),
        ((TABLE.view(_Tagged),), {}),
        ((TABLE.view(_Tagged), "f4"), {"copy": True}),
        (([[1, 2], [3, 4]], float, "F"), {}),
        (("word",), {}),
        (([[1], [1, 2]],), {}),
    ],
}


@pytest.mark.parametrize(
    ("name", "args", "options"),
    [(name, args, options) for name, calls in UNTRACED.items() for args, options in calls],
)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_outside_of_transforms_functions_do_what_numpys_do(
    name: str, args: tuple[object, ...], options: dict[str, object]
) -> None:
    def outcome(namespace: object) -> tuple[object, ...]:
        try:
            ans = getattr(namespace, name)(*args, **options)
        except Exception as error:
            return type(error), str(error)
        shared = any(ans is x for x in args)
        return type(ans), ans.dtype, ans.strides, ans.flags.writeable, shared, repr(ans)

    assert outcome(fnp) == outcome(np)

"""Elements that a traced mask selects: how many is not known, so the whole array stands for them.

``x[mask] += y`` and ``x[mask] = f(x[mask])`` are read as such: elementwise functions apply to the
whole array, and only where the mask holds is it written back. Lanes that are not selected are
structural zeros, whatever the function makes of them.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from functrans import primitives as p
from functrans.core.array import TracedArray
from functrans.core.errors import ConversionError, user_line
from functrans.core.types import Array, dtype_of, shape_of
from functrans.numpy.operands import operand

REDUCTIONS = {f.__name__: f for f in (np.sum, np.prod, np.mean, np.std, np.var, np.any, np.all)}
"""Functions that take a mask in place of a selection."""


class Selection(NDArrayOperatorsMixin):
    """What ``x[mask]`` is, to an elementwise function, a sum, or an assignment ``x[mask] = ...``.

    Parameters
    ----------
    whole : array
        All elements, of which those count where the mask holds.
    mask : TracedArray
        Of the same shape.

    Attributes
    ----------
    takes_traced : bool
        That traced arrays leave it to a selection to be combined with them.
    """

    __slots__ = ("mask", "whole")
    takes_traced = True
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, whole: Array, mask: TracedArray) -> None:
        self.whole = whole
        self.mask = mask

    @property
    def dtype(self) -> np.dtype[Any]:
        return dtype_of(self.whole)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.pop("out", None)
        if method != "__call__" or kwargs or (out is not None and out != (inputs[0],)):
            self.refuse(f"numpy.{ufunc.__name__}.{method} with options")
        wholes = [self.beside(x, f"numpy.{ufunc.__name__}") for x in inputs]
        with np.errstate(all="ignore"):  # of lanes that are not selected
            ans = ufunc(*wholes)
        if isinstance(ans, tuple):
            return tuple(Selection(a, self.mask) for a in ans)
        if out is not None and not np.can_cast(dtype_of(ans), self.dtype, "same_kind"):
            raise TypeError(
                f"Cannot cast the output of numpy.{ufunc.__name__} from {dtype_of(ans)!r} to "
                f"{self.dtype!r} with casting rule 'same_kind', at {user_line()}"
            )
        return Selection(ans, self.mask)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in REDUCTIONS.values() and len(args) == 1 and not kwargs:
            return func(args[0].whole, where=args[0].mask)
        self.refuse(f"{func.__module__}.{func.__name__}")

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        self.refuse("a plain array")

    def __getattr__(self, name: str) -> Any:
        if name in REDUCTIONS:
            return lambda: REDUCTIONS[name](self)
        if name.startswith("__"):
            raise AttributeError(name)
        self.refuse(f".{name}")

    def __len__(self) -> int:
        self.refuse("len()")

    def __iter__(self) -> Any:
        self.refuse("a loop over x[mask]")

    def __getitem__(self, key: Any) -> Any:
        self.refuse("an index into x[mask]")

    def __bool__(self) -> bool:
        self.refuse("bool()")

    def astype(self, dtype: Any) -> Selection:
        """The selected elements in another dtype."""
        return Selection(p.astype(self.whole, dtype=np.dtype(dtype)), self.mask)

    def copy(self) -> Selection:
        """The same elements: they are never written to."""
        return self

    def beside(self, x: Any, what: str) -> Array:
        """What stands for an operand in a function of the whole arrays."""
        if isinstance(x, Selection):
            if not same(x.mask, self.mask):
                self.refuse(f"{what} of the elements of two masks")
            return x.whole
        x = operand(x)
        if shape_of(x) != ():
            self.refuse(f"{what} with values of shape {shape_of(x)}")
        return x

    def refuse(self, what: str) -> NoReturn:
        """Raise the error for what depends on the number of elements."""
        raise ConversionError(
            f"{what}, at {user_line()}: how many elements a traced mask selects "
            f"({self.mask.what}) is not known. Elementwise functions of x[mask] may have single "
            "numbers and y[mask] beside it and be written back (x[mask] = ...); sum, mean, prod, "
            "std, var, any and all may be taken. A mask that is used twice needs a name "
            "(m = x > 0). Otherwise write numpy.where(mask, x, other)."
        )


def select(x: TracedArray, key: Any) -> Selection | None:
    """``x[key]`` for a mask whose elements are not known; None if `key` is none of the shape."""
    if isinstance(key, TracedArray) and key.dtype.kind == "b" and key.shape == x.shape and x.shape:
        # Of roots and logarithms of what is not selected a graph would warn whenever it runs.
        return Selection(p.where(key, x, 1), key.snapshot())
    return None


def same(a: Any, b: Any) -> bool:
    """Whether two masks hold at the same places, as far as that is known."""
    while isinstance(a, TracedArray) and isinstance(b, TracedArray):
        if a is b or getattr(a, "variable", a) is getattr(b, "variable", b):
            return True
        if a.interpreter is not b.interpreter:
            return False
        a, b = a.underlying, b.underlying
    return a is not None and type(a) is type(b) and np.array_equal(a, b)


def written(x: TracedArray, key: Any, values: Selection) -> Array:
    """What ``x[key] = values`` leaves in `x`."""
    chosen = select(x, key)
    if chosen is None or chosen.mask.shape != values.mask.shape:
        values.refuse("an assignment of x[mask] to other places")
    whole = chosen.beside(values, "an assignment")
    return p.where(
        chosen.mask, whole if dtype_of(whole) == x.dtype else p.astype(whole, dtype=x.dtype), x
    )
